"""What a section is made of; ``page.html`` says how each looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Note:
    """A paragraph; its line breaks are kept.

    The level is 'note', 'warning' (read this before the figures) or 'missing'
    (something is not there).
    """

    kind = 'note'
    text: str
    level: str = 'note'


@dataclass(frozen=True)
class NamedValues:
    """Pairs of name and value, in this order."""

    kind = 'named_values'
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it, a folded one is closed."""

    kind = 'table'
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False


@dataclass(frozen=True)
class Text:
    """Text of a file, folded, in letters of one width."""

    kind = 'text'
    title: str
    text: str


class Picture(NamedTuple):
    """An image as ``data:...``; ``alt`` is for those who can not see it."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other.

    Wide ones have a row each, small ones their own size.
    """

    kind = 'pictures'
    items: Sequence[Picture]
    wide: bool = False
    small: bool = False


class Section(NamedTuple):
    """A part of the page; links point to its name."""

    name: str
    title: str
    blocks: list
