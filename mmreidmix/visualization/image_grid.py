"""A grid of framed images with notes."""

from collections.abc import Sequence
from typing import Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .pictures import AnyPath, RGBImage

PAPER, INK, FAINT, BACKDROP = '#ffffff', '#202020', '#707070', '#e8e8e8'
FRAME, GAP, MARGIN, LINE = 4, 10, 20, 17


class Sheet:
    """A grid of framed images with notes under them.

    Args:
        rows (int): rows of images.
        columns (int): images of a row.
        size (tuple[int, int]): width and height of an image, pixels.
        title (str): a line above everything.
        head (int): width of the text before each row, pixels.
        lines (int): lines of notes under an image.
        gaps (Sequence[int]): columns with a wider gap before them.
    """

    def __init__(self,
                 rows: int,
                 columns: int,
                 size: tuple[int, int],
                 title: str = '',
                 *,
                 head: int = 0,
                 lines: int = 2,
                 gaps: Sequence[int] = ()):
        self.size, self.head, self.gaps = size, head, tuple(gaps)
        self.step = (size[0] + 2 * FRAME + GAP,
                     size[1] + 2 * FRAME + lines * LINE + GAP)
        self.top = MARGIN + (2 * LINE if title else LINE)
        self.font = ImageFont.load_default(13)
        title_font = ImageFont.load_default(16)
        width = max(self.corner(0, columns)[0] - GAP + MARGIN,
                    2 * MARGIN + int(title_font.getlength(title)))
        height = self.top + rows * self.step[1] + MARGIN
        self.image = Image.new('RGB', (width, height), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.draw.text((MARGIN, MARGIN // 2), title, INK, title_font)

    @property
    def pixels(self) -> RGBImage:
        """The sheet as an image."""
        return np.asarray(self.image)

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Upper left corner of a frame, (x, y) in pixels."""
        wide = sum(gap <= column for gap in self.gaps)
        return (MARGIN + self.head + column * self.step[0] + 2 * GAP * wide,
                self.top + row * self.step[1])

    def name_column(self, column: int, text: str) -> None:
        """Write above a column."""
        x = self.corner(0, column)[0] + self.size[0] // 2 + FRAME
        self.draw.text((x, self.top - 4), text, FAINT, self.font, anchor='ms')

    def write_head(self, row: int, lines: Sequence[str]) -> None:
        """Write before a row, the first line darker than the others."""
        for i, line in enumerate(lines):
            self.draw.text((MARGIN, self.corner(row, 0)[1] + i * LINE), line,
                           FAINT if i else INK, self.font)

    def paste(self,
              row: int,
              column: int,
              source: Union[AnyPath, RGBImage],
              colour: str,
              notes: Sequence[str] = ()) -> None:
        """Put an image into a frame of a colour; its aspect ratio is kept.

        The notes are lines under the image, the first darker than the others.
        One that is wider than the column ends in '...'.

        Raises:
            OSError: the file can not be read.
        """
        x, y = self.corner(row, column)
        width, height = self.size
        self.draw.rectangle((x, y, x + width + 2 * FRAME - 1,
                             y + height + 2 * FRAME - 1), colour)
        self.image.paste(_fitted(source, self.size), (x + FRAME, y + FRAME))
        for i, note in enumerate(notes):
            self.draw.text(
                (x + width // 2 + FRAME, y + height + 2 * FRAME + i * LINE),
                self._shorten(note), FAINT if i else INK, self.font,
                anchor='ma')

    def _shorten(self, text: str) -> str:
        width = self.font.getlength
        if width(text) <= self.step[0]:
            return text
        while text and width(text + '...') > self.step[0]:
            text = text[:-1]
        return text + '...'


def _fitted(source: Union[AnyPath, RGBImage],
            size: tuple[int, int]) -> Image.Image:
    if isinstance(source, np.ndarray):
        return ImageOps.pad(Image.fromarray(source), size, color=BACKDROP)
    try:
        with Image.open(source) as image:
            return ImageOps.pad(image.convert('RGB'), size, color=BACKDROP)
    except OSError as error:
        raise OSError(f'cannot read image {source}: {error}') from error
