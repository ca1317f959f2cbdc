"""Use of trained models."""

from importlib import import_module
from typing import Any

_HOMES = {
    'Comparison': 'comparison',
    'Gate': 'trackers',
    'Gallery': 'gallery',
    'GalleryError': 'gallery',
    'Match': 'gallery',
    'ReIDInferencer': 'inferencer',
    'TrackerEmbedder': 'trackers',
    'create_gallery': 'gallery',
    'likely_channel_order': 'channel_order',
    'open_gallery': 'gallery',
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """The names of modules that load PyTorch, at their first use."""
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
