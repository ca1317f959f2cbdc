"""The folder of a domain while it is written: stop, go on, clean up."""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmreidmix.datasets.domain_files import INFO, is_domain
from mmreidmix.datasets.image_bytes import ImageReadError
from mmreidmix.files import replace_file

logger = logging.getLogger(__name__)

_STARTED = 'import.json'
# Faults of the input or of what is installed: what has been written is of no
# use.
_OF_THE_INPUT = (ValueError, FileNotFoundError, ImageReadError, ImportError)


@contextmanager
def workplace(folder: Path, options: Mapping[str, Any]) -> Iterator[None]:
    """Keep a folder for one import, until it is a domain.

    A stopped import (Ctrl-C, a lost machine, a full disk) goes on when it is
    called again with the same options. Where the input is wrong nothing is
    left behind.

    Args:
        folder (Path): the domain; must not be there, or hold a stopped import.
        options (Mapping): what the result depends on, as JSON can hold it.

    Raises:
        FileExistsError: the folder is a domain already, holds other files, or
            an import with other options.
    """
    note = folder / _STARTED
    text = json.dumps(options, indent=2, sort_keys=True)
    _check_free(folder, note, text)
    for file in folder.rglob('*.part'):
        file.unlink()
    replace_file(note, lambda stream: stream.write(text.encode()))
    try:
        yield
    except _OF_THE_INPUT:
        shutil.rmtree(folder)
        raise
    except KeyboardInterrupt:
        logger.warning('stopped: the same command goes on')
        raise
    note.unlink()


def _check_free(folder: Path, note: Path, text: str) -> None:
    if is_domain(folder):
        raise FileExistsError(f'{folder} is a domain already ({INFO} is '
                              'there); remove it or name another folder')
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not note.is_file():
        raise FileExistsError(f'{folder} is there and not empty; name a new '
                              'folder')
    if note.read_text() != text:
        raise FileExistsError(
            f'{folder} holds a stopped import with other options (see '
            f'{note}); go on with those, or remove it')
