"""Images copied into a domain, one file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmreidmix.files import replace_file

if TYPE_CHECKING:
    import pyarrow

#: Folder of the images of a domain that has its own.
IMAGES = 'images'


def copy(table: pyarrow.Table, folder: Path, read: Callable[[str], bytes],
         advance: Callable[[int], None] = lambda amount: None) -> None:
    """Write each image to ``images/<path>``; those that are there stay.

    Args:
        table (pyarrow.Table): of a domain.
        folder (Path): the domain.
        read (Callable): path of a row -> bytes of its image.
        advance (Callable): told how many images have been written.
    """
    for path in table['path'].to_pylist():
        file = folder / IMAGES / path
        if not file.is_file():
            data = read(path)
            replace_file(file, lambda stream, data=data: stream.write(data))
        advance(1)
