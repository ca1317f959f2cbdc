"""What a section is made of; ``page.html`` says how each looks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Note:
    """A paragraph.

    Attributes:
        text (str): line breaks are kept.
        level (str): 'note', 'warning' (read this before the figures) or
            'missing' (something is not there).
    """

    kind: ClassVar[str] = 'note'
    text: str
    level: str = 'note'


@dataclass(frozen=True)
class Facts:
    """Names and values.

    Attributes:
        rows (Sequence[tuple[str, str]]): in this order.
    """

    kind: ClassVar[str] = 'facts'
    rows: Sequence


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it.

    Attributes:
        caption (str): what it shows.
        head (Sequence[str]): names of the columns.
        rows (Sequence[Sequence[str]]): as many cells as columns.
        folded (bool): whether it opens on a click only.
    """

    kind: ClassVar[str] = 'table'
    caption: str
    head: Sequence
    rows: Sequence
    folded: bool = False


@dataclass(frozen=True)
class Text:
    """Text of a file, folded, in letters of one width."""

    kind: ClassVar[str] = 'text'
    title: str
    text: str


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Attributes:
        uri (str): ``data:...``.
        alt (str): what it shows, for those who can not see it.
        caption (str): below it.
    """

    uri: str
    alt: str
    caption: str = ''


@dataclass(frozen=True)
class Pictures:
    """Pictures, beside each other where there is room.

    Attributes:
        items (Sequence[Picture]): in this order.
        wide (bool): one below the other, each as wide as the page.
    """

    kind: ClassVar[str] = 'pictures'
    items: Sequence
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name (str): where links point.
        title (str): the heading.
        blocks (list): of the classes above.
    """

    name: str
    title: str
    blocks: list = field(default_factory=list)
