"""Arrays on disk that are valid as long as the folders did not change.

One file per index: blocks in NumPy's ``.npy`` format one after the other,
the first with a description in JSON, without pickle. A file is replaced in
one step, so that processes which read or write it at once see a whole one.
"""

import hashlib
import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmreidmix.files import replace_file

from .folder_scan import CACHE_FOLDER

_VERSION = 2
#: A folder that was changed so shortly before it was read (or later) may
#: change again within one tick of the file system's clock.
TICK_NS = 2 * 10**9


class IndexCache:
    """The file of one index.

    Args:
        root (str | Path): folder that the index is about.
        options (Mapping): what the index depends on besides the files; plain
            JSON values. Another root or option is another file.
        folder (str | Path, optional): where to keep the file. By default
            ``.mmreidmix_cache`` beside ``root``, or the user's cache folder
            where that cannot be written.

    Attributes:
        paths (list[Path]): where the file may be.
    """

    def __init__(self, root: Union[str, Path], options: Mapping,
                 folder: Union[str, Path, None] = None):
        self.key = json.loads(json.dumps(
            dict(version=_VERSION, root=str(root), **options)))
        digest = hashlib.sha256(
            json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:16]
        folders = [Path(folder).expanduser()] if folder else [
            Path(root).parent / CACHE_FOLDER, _user_folder()]
        self.paths = [f / f'{Path(root).name}-{digest}.npy' for f in folders]

    def load(self) -> Optional[dict[str, np.ndarray]]:
        """The arrays, or None if there are none or they are damaged.

        Damage is logged as a warning. Whether the folders have changed since
        is for the caller to check, by a stored array of stamps.
        """
        for path in self.paths:
            if not path.is_file():
                continue
            try:
                return self._read(path)
            except Exception as error:  # whatever damage may raise
                print_log(f'{path} is damaged and will be written anew: '
                          f'{error}', 'current', logging.WARNING)
        return None

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays to the first folder that can be written.

        Where none can, this is logged and nothing else happens.
        """
        for path in self.paths:
            try:
                self._write(path, arrays)
                return
            except OSError as error:
                reason = error
        print_log(f'the index of {self.key["root"]} cannot be kept '
                  f'({reason}); it is read anew next time. `cache` may name '
                  'a folder that can be written', 'current')

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        with open(path, 'rb') as file:
            header = json.loads(_load(file).tobytes())
            if header['key'] != self.key:
                raise ValueError('it is the index of something else')
            arrays = {name: _load(file) for name in header['crc32']}
        for name, expected in header['crc32'].items():
            if _checksum(arrays[name]) != expected:
                raise ValueError(f'the checksum of {name} is wrong')
        return arrays

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        header = json.dumps(dict(key=self.key, crc32={
            name: _checksum(array) for name, array in arrays.items()}))

        def write(file: BinaryIO) -> None:
            for array in (np.frombuffer(header.encode(), np.uint8),
                          *arrays.values()):
                np.save(file, array, allow_pickle=False)

        replace_file(path, write)


def is_settled(stamps: np.ndarray, started_ns: int) -> bool:
    """Tell whether a later change of a folder must show in its stamps.

    Args:
        stamps (np.ndarray): times of the folders, nanoseconds.
        started_ns (int): when they were read.
    """
    return int(stamps.max()) < started_ns - TICK_NS


def _load(file: BinaryIO) -> np.ndarray:
    return np.lib.format.read_array(file, allow_pickle=False)


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1))


def _user_folder() -> Path:
    base = os.environ.get('XDG_CACHE_HOME') or os.path.join('~', '.cache')
    return Path(base).expanduser() / 'mmreidmix'
