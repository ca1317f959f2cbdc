"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Union


def replace_file(path: Union[str, Path], write: Callable) -> None:
    """Write a file beside its place, then put it there in one step.

    Whoever reads sees the old file or the new one; an interrupted call leaves
    the old one and nothing else. Folders are made where they are missing.

    Args:
        path (str | Path): the file.
        write (Callable): is called with a stream open for bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        prefix=f'{path.stem}-', suffix='.part', dir=path.parent)
    try:
        with open(handle, 'wb') as stream:
            write(stream)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
