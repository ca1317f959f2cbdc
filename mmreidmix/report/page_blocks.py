"""What a section is made of; ``page.html`` says how each looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Note:
    """A paragraph.

    Attributes:
        text (str): line breaks are kept.
        level (str): 'note', 'warning' (read this before the figures) or
            'missing' (something is not there).
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
    """A table; the first cell of a row names it.

    Attributes:
        caption (str): what it shows.
        head (Sequence[str]): names of the columns.
        rows (Sequence[Sequence[str]]): as many cells as columns.
        folded (bool): whether it opens on a click only.
    """

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
    """An image inside the page.

    Attributes:
        uri (str): ``data:...``.
        alt (str): what it shows, for those who can not see it.
        caption (str): below it.
    """

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other where there is room.

    Attributes:
        items (Sequence[Picture]): in this order.
        wide (bool): one below the other, each as wide as the page.
    """

    kind = 'pictures'
    items: Sequence[Picture]
    wide: bool = False


class Section(NamedTuple):
    """A part of the page: where links point, the heading, blocks as above."""

    name: str
    title: str
    blocks: list
