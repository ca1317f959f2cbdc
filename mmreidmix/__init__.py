"""mmreidmix: person re-identification trained from mixtures of data."""

from typing import Any

from .version import __version__

__all__ = ['Gallery', 'ReIDInferencer', '__version__']


def __getattr__(name: str) -> Any:
    """The names that load PyTorch, at their first use."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import apis
    return getattr(apis, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
