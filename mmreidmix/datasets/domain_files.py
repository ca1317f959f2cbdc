"""The two files of a domain: a table of images, and what is known of it.

``images.parquet`` has a row per image, sorted by path:

========  ========  ==========================================================
column    type      meaning
========  ========  ==========================================================
path      string    relative to the folder of images, '/' between the parts
subset    string    'train', 'query', 'gallery', or '' for none of them
pid       int32     number of the person, -1 = unknown
person    string    name of the person, where people came with names
camid     string    name of the camera
tracklet  string    name of the track inside the camera, '' = none
time      float64   seconds, null = unknown
flag      string    '', 'junk' or 'distractor'
shard     int32     number of the shard, in a packed domain
offset    int64     where the bytes of the image begin in the shard
size      int64     how many bytes there are
========  ========  ==========================================================

Other columns (the box in a frame, for example) are kept for the reader.
``domain.json`` has the keys 'format', 'version', 'name', 'images' (folder of
the images, relative to the domain or absolute; absent in a packed domain),
'made_with' and 'datasheet'. It is written last: a folder without it is no
domain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from mmreidmix.files import replace_file

from .image_bytes import is_url

if TYPE_CHECKING:
    import pyarrow

TABLE = 'images.parquet'
INFO = 'domain.json'
FORMAT = 'mmreidmix domain'
VERSION = 1
SUBSETS = ('train', 'query', 'gallery', '')
FLAGS = ('', 'junk', 'distractor')
# Rows at a time: bounds the memory of masks.
_BLOCK = 1 << 16


def is_domain(folder: Union[str, Path]) -> bool:
    """Tell whether a local folder is a domain."""
    return Path(folder, INFO).is_file()


def shard_name(number: int) -> str:
    """Where a shard is, relative to the domain."""
    return f'shards/{number:06d}.tar'


def write_domain(folder: Union[str, Path], table: pyarrow.Table,
                 info: Mapping[str, Any]) -> None:
    """Write both files; the same content gives the same bytes.

    Args:
        folder (str | Path): the domain.
        table (pyarrow.Table): columns as above.
        info (Mapping): what ``domain.json`` holds beside 'format' and
            'version'.
    """
    from pyarrow import parquet
    content = dict(format=FORMAT, version=VERSION, **info)
    text = json.dumps(content, indent=2, ensure_ascii=False) + '\n'
    replace_file(Path(folder, TABLE),
                 lambda stream: parquet.write_table(
                     table, stream, compression='zstd'))
    replace_file(Path(folder, INFO),
                 lambda stream: stream.write(text.encode()))


def read_info(folder: Union[str, Path]) -> dict:
    """What ``domain.json`` says.

    Args:
        folder (str | Path): the domain; may be a URL.

    Raises:
        FileNotFoundError: there is no domain.
        ValueError: the file is damaged or of a later version.
    """
    where = _join(folder, INFO)
    with _open(where) as file:
        data = file.read()
    try:
        info = json.loads(data)
    except ValueError as error:
        raise ValueError(f'{where} is damaged ({error}); import the images '
                         'again') from None
    if not isinstance(info, dict) or info.get('format') != FORMAT:
        raise ValueError(f"{where} is not of a domain: 'format' is not "
                         f'{FORMAT!r}')
    if info.get('version') != VERSION:
        raise ValueError(
            f'{where} is of version {info.get("version")!r}, this program '
            f'reads {VERSION}: import the images again, or take a newer '
            'program')
    if not isinstance(info.get('name'), str):
        raise ValueError(f"{where}: 'name' is {info.get('name')!r}, expected "
                         'a text')
    return info


def read_table(folder: Union[str, Path],
               columns: Optional[Sequence[str]] = None) -> pyarrow.Table:
    """The rows of ``images.parquet``.

    Args:
        folder (str | Path): the domain; may be a URL.
        columns (Sequence[str], optional): those to read, where they are.
            Default: all.

    Raises:
        FileNotFoundError: there is no table.
        ValueError: it is damaged, or lacks a column.
    """
    import pyarrow
    from pyarrow import parquet
    where = _join(folder, TABLE)
    with _open(where) as file:
        try:
            names = parquet.read_schema(file).names
            file.seek(0)
            wanted = names if columns is None else [
                name for name in columns if name in names]
            table = parquet.read_table(file, columns=wanted)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f'{where} is damaged ({error}); import the '
                             'images again') from None
    missing = {'path', 'subset', 'pid', 'camid'} - set(names)
    if missing:
        raise ValueError(f'{where} has no column {sorted(missing)[0]!r}')
    return table


def texts(table: pyarrow.Table, name: str) -> np.ndarray:
    """A column of texts as (N,) UTF-8 bytes; b'' where it is absent."""
    import pyarrow
    if name not in table.column_names:
        return np.zeros(len(table), 'S1')
    column = table[name].cast(pyarrow.large_string()).combine_chunks()
    if column.null_count:
        column = column.fill_null('')
    _, offsets, blob = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset:][:len(column) + 1]
    data = np.frombuffer(blob or b'', np.uint8)[ends[0]:ends[-1]]
    lengths = np.diff(ends)
    wide = np.zeros((len(column), max(lengths.max(initial=0), 1)), np.uint8)
    places = np.arange(wide.shape[1])
    for first in range(0, len(column), _BLOCK):
        rows = slice(first, first + _BLOCK)
        part = ends[first:first + _BLOCK + 1] - ends[0]
        wide[rows][places < lengths[rows, None]] = data[part[0]:part[-1]]
    return wide.view(f'S{wide.shape[1]}')[:, 0]


def codes(table: pyarrow.Table, name: str) -> tuple[np.ndarray, list[str]]:
    """A column of few different texts: (N,) int32 numbers and the texts."""
    import pyarrow
    if name not in table.column_names:
        return np.zeros(len(table), np.int32), ['']
    column = table[name].cast(pyarrow.string()).fill_null('')
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def numbers(table: pyarrow.Table, name: str) -> np.ndarray:
    """A column of whole numbers, (N,) int64.

    Raises:
        ValueError: it is no such column, or one is missing.
    """
    import pyarrow
    try:
        return table[name].cast(pyarrow.int64()).combine_chunks().to_numpy(
            zero_copy_only=True)
    except (KeyError, pyarrow.ArrowException) as error:
        raise ValueError(f'{TABLE}: the column {name!r} does not hold a whole '
                         f'number in each row ({error})') from None


def _join(folder: Union[str, Path], name: str) -> str:
    return f'{str(folder).rstrip("/")}/{name}'


def _open(where: str) -> Any:
    if is_url(where):
        import fsspec
        return fsspec.open(where, 'rb').open()
    return open(where, 'rb')
