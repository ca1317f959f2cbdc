"""Checks of options: one wording for all messages.

Every check names the owner of the option, the option, what was expected and
what came instead.
"""

from collections.abc import Collection, Iterable, Sequence
from numbers import Integral
from typing import Any


def check_choice(owner: object, choices: Collection, **options: Any) -> None:
    """Raise ValueError for an option that is none of the choices.

    Args:
        owner (object): who has the options: a name, or an object whose class
            has it.
        choices (Collection): what is allowed.
        **options: values by name.

    Examples:
        >>> check_choice('ReMix', ('encoder', 'momentum_encoder'), inference=1)
        Traceback (most recent call last):
        ...
        ValueError: ReMix: inference must be one of 'encoder', \
'momentum_encoder', got 1
    """
    for name, value in options.items():
        if value not in choices:
            known = (f'{choices[0]}..{choices[-1]}' if isinstance(
                choices, range) else ', '.join(map(repr, choices)))
            _refuse(owner, name, f'one of {known}', value)


def check_count(owner: object, least: int, **options: Any) -> None:
    """Raise ValueError for what is no integer of at least ``least``."""
    for name, value in options.items():
        if not isinstance(value, Integral) or value < least:
            _refuse(owner, name, f'an integer of at least {least}', value)


def check_at_least(owner: object, least: float, **options: Any) -> None:
    """Raise ValueError for a number below ``least``, NaN or None."""
    for name, value in options.items():
        if not _is_number(value) or not value >= least:
            _refuse(owner, name, f'at least {least}', value)


def check_above(owner: object, bound: float, **options: Any) -> None:
    """Raise ValueError for a number that is not above ``bound``."""
    for name, value in options.items():
        if not _is_number(value) or not value > bound:
            _refuse(owner, name, f'above {bound}', value)


def check_between(owner: object, low: float, high: float,
                  **options: Any) -> None:
    """Raise ValueError for a number outside [low, high]."""
    for name, value in options.items():
        if not _is_number(value) or not low <= value <= high:
            _refuse(owner, name, f'in [{low}, {high}]', value)


def check_fraction(owner: object, **options: Any) -> None:
    """Raise ValueError for a number outside [0, 1), such as a momentum."""
    for name, value in options.items():
        if not _is_number(value) or not 0 <= value < 1:
            _refuse(owner, name, 'in [0, 1)', value)


def check_range(owner: object, **options: Any) -> tuple[int, int]:
    """The two integers of the one option; ValueError if it has others."""
    (name, value), = options.items()
    if not isinstance(value, Sequence) or len(value) != 2 or not all(
            isinstance(number, Integral) for number in value):
        _refuse(owner, name, 'two integers (first, end)', value)
    return value[0], value[1]


def check_device(owner: object, device: str) -> None:
    """Raise ValueError for a device that PyTorch does not have here."""
    import torch
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0][:100]
        _refuse(owner, 'device', 'one that PyTorch '
                f'{torch.__version__} has here, which sees '
                f'{torch.cuda.device_count()} GPUs ({why})', device)


def _is_number(value: Any) -> bool:
    """Also tensors and arrays of one number; no text, as '1e-3' is."""
    return value is not None and not isinstance(value, (str, bytes))


def name_some(items: Iterable, limit: int = 5) -> str:
    """First few of some items, for a message; text in quotes.

    Args:
        items (Iterable): names, paths or numbers, in the order to show.
        limit (int): how many are shown.

    Examples:
        >>> name_some(['a.png', 'b.png', 'c.png'], 2)
        "'a.png', 'b.png' and 1 more"
        >>> name_some(())
        'none'
    """
    items = list(items)
    shown = ', '.join(
        repr(str(item)) if isinstance(item, str) else str(item)
        for item in items[:limit])
    more = f' and {len(items) - limit:,} more' if len(items) > limit else ''
    return f'{shown}{more}' if items else 'none'


def _refuse(owner: object, name: str, expected: str, value: object) -> None:
    owner = owner if isinstance(owner, str) else type(owner).__name__
    raise ValueError(f'{owner}: {name} must be {expected}, got {value!r}')
