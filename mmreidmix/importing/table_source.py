"""Images listed in a CSV or Parquet table."""

from __future__ import annotations

import csv
import os
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from mmreidmix.checks import name_some
from mmreidmix.datasets.file_names import check_entries, leaves_root
from mmreidmix.files import read_text

from .image_rows import FIELDS, ImageRows

#: Suffixes of tables.
SUFFIXES = ('.csv', '.tsv', '.txt', '.parquet')
#: Names that columns have without an option, beside those of the fields.
_USUAL = {'path': ('path', ), 'subset': ('subset', 'split')}


def read_table(file: Path, root: Path,
               columns: Mapping[str, str]) -> tuple[ImageRows, list[str]]:
    """Read a table with a header.

    Args:
        file (Path): CSV (comma, semicolon or tab between the cells) or
            Parquet.
        root (Path): folder that paths are relative to.
        columns (Mapping[str, str]): field ('path' or one of FIELDS) -> name
            of its column, where it is another.

    Returns:
        tuple[ImageRows, list[str]]: the images; columns that nothing reads.

    Raises:
        ValueError: also a path outside ``root``; the row is named.
        FileNotFoundError: a listed image is missing; the row is named.
    """
    cells, where = (_read_parquet(file) if file.suffix == '.parquet'
                    else _read_csv(file))
    column_of = _match_columns(file, list(cells), columns)
    paths = [_inside(path, root, where(row))
             for row, path in enumerate(cells[column_of.pop('path')])]
    _check_images(root, paths, file, where)
    fields = {field: cells[name] for field, name in column_of.items()}
    unread = [name for name in cells
              if name not in column_of.values() and name not in (
                  columns.get('path'), *_USUAL['path'])]
    return ImageRows(paths, fields, where), unread


def _read_csv(file: Path) -> tuple[dict[str, list[str]], _Where]:
    text = read_text(file)
    head = text.partition('\n')[0]
    delimiter = max(',;\t', key=head.count)
    reader = csv.reader(StringIO(text, newline=''), strict=True,
                        skipinitialspace=True, delimiter=delimiter)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f'{file}, line {reader.line_num}: {error}') from None
    where = _Where(file, 'line', lines[1:])
    if len(rows) < 2:
        raise ValueError(f'{file}: a header and at least one row are expected')
    for i, row in enumerate(rows[1:]):
        if len(row) != len(rows[0]):
            raise ValueError(f'{where(i)}: {len(row)} cells, but the header '
                             f'has {len(rows[0])}')
    _check_names(file, rows[0])
    return {name: list(column) for name, column in zip(
        rows[0], zip(*rows[1:]))}, where


def _read_parquet(file: Path) -> tuple[dict[str, list[str]], _Where]:
    import pyarrow
    from pyarrow import parquet
    try:
        table = parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f'{file} can not be read: {error}') from None
    _check_names(file, table.column_names)
    cells = {name: ['' if value is None else str(value)
                    for value in table[name].to_pylist()]
             for name in table.column_names}
    return cells, _Where(file, 'row', range(1, len(table) + 1))


class _Where:
    """Names the rows of a table, for messages."""

    def __init__(self, file: Path, unit: str, numbers: Sequence[int]):
        self.file, self.unit, self.numbers = file, unit, numbers

    def __call__(self, row: int) -> str:
        return f'{self.file}, {self.unit} {self.numbers[row]}'


def _check_names(file: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f'{file}: the column {twice[0]!r} is there twice')


def _match_columns(file: Path, names: Sequence[str],
                   columns: Mapping[str, str]) -> dict[str, str]:
    """Field -> name of its column, for those there are."""
    found = {}
    for field in ('path', *FIELDS):
        usual = _USUAL.get(field, (field, ))
        candidates = (columns[field], ) if field in columns else usual
        present = [name for name in candidates if name in names]
        if present:
            found[field] = present[0]
        elif field in columns:
            raise ValueError(f'{file} has no column {columns[field]!r}; there '
                             f'are {name_some(names, 20)}')
    if 'path' not in found:
        raise ValueError(
            f"{file} has no column 'path'; there are {name_some(names, 20)}. "
            'Name the one that holds the paths of the images, such as '
            '--columns path=file')
    return found


def _inside(path: str, root: Path, where: str) -> str:
    """A path relative to the root, with '/' between its parts."""
    if os.path.isabs(path):
        path = os.path.relpath(path, root.absolute())
    if '\\' in path and not (root / path).is_file():
        path = path.replace('\\', '/')  # of Windows
    path = posixpath.normpath(path) if path else path
    if not path or leaves_root(path):
        raise ValueError(f'{where}: the path {path!r} is not inside {root}. '
                         '--images names the folder of the images')
    return path


def _check_images(root: Path, paths: Sequence[str], file: Path,
                  where: _Where) -> None:
    missing = [i for i, path in enumerate(paths)
               if not (root / path).is_file()]
    if missing:
        raise FileNotFoundError(
            f'{where(missing[0])}: the image {paths[missing[0]]!r} is not in '
            f'{root}; {len(missing):,} of {len(paths):,} listed images are '
            'missing. --images names the folder of the images')
    check_entries(root, paths, file)
