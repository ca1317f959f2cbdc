"""Any folder, CSV or tracklet tree as a domain, without writing a class."""

import csv
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Optional, Union

from mmreidmix.checks import check_choice, name_some
from mmreidmix.files import read_text
from mmreidmix.registry import DATASETS

from .file_names import (
    check_entries,
    compile_pattern,
    images_below,
    leaves_root,
    parse_paths,
)
from .reid_dataset import PARTS, BaseReIDDataset, ReIDRecords

#: Pattern of ``video/tracklet/frame.jpg``; the video may have several levels
#: (``country/city/video/tracklet/frame.jpg``) and counts as one camera.
TRACKLET_TREE = r'(?P<camid>.+)/(?P<tracklet>[^/]+)/[^/]+'

_COLUMNS = ('path', 'subset', 'pid', 'camid', 'tracklet', 'flag')
_FLAGS = ('', '-', 'junk', 'distractor')


class _Row(NamedTuple):
    path: str
    subset: str
    pid: int
    camera: str
    tracklet: str
    flag: str


@DATASETS.register_module()
class ManifestDataset(BaseReIDDataset):
    r"""One's own images, described by a naming pattern or by a CSV.

    Exactly one of ``pattern`` and ``csv`` is given. Cameras and tracklets may
    be any text; they are numbered 0, 1, ... in sorted order (as numbers if
    all are numbers) over all subsets, so that a camera has the same number in
    query and gallery. Tracklets are told apart by (camera, tracklet).

    Args:
        data_root (str | Path): folder of the images.
        subset (str): see :class:`BaseReIDDataset`.
        name (str): required here, since results carry it.
        pattern (str, optional): regular expression for the whole path of an
            image relative to its folder ('/' between the parts, the base
            name alone in a flat folder). Named groups: ``pid`` (integer),
            ``camid``, ``tracklet``; each may be absent and groups may be
            nested. The name 'tracklet_tree' stands for
            ``video/tracklet/frame`` without identities, each video a camera.
        csv (str, optional): path of a CSV file relative to ``data_root``,
            with a header. Column ``path`` (relative to it too) is required;
            ``subset`` ('train' if absent), ``pid`` (integer, empty or -1 =
            unknown), ``camid``, ``tracklet`` (empty = none) and ``flag``
            ('junk', 'distractor', or '-'/empty) are optional.
        folders (dict[str, str], optional): with ``pattern``: folder of each
            subset below ``data_root``. Default: ``{'train': '.'}``.
        junk_pids (Sequence[int]): identity numbers to drop everywhere.
        distractor_pids (Sequence[int]): identity numbers to keep in the
            gallery alone.
        **kwargs: see :class:`BaseReIDDataset`.

    Raises:
        ValueError: also if a cell of the CSV is malformed (line number
            given).

    Examples:
        >>> shop = dict(  # data/shop/0012_cam3_00045.jpg
        ...     type='ManifestDataset', data_root='data/shop', name='shop',
        ...     pattern=r'(?P<pid>\d{4})_cam(?P<camid>\d+)_\d+\.jpg')
        >>> video = dict(  # data/street/monday/0007/000123.jpg
        ...     type='ManifestDataset', data_root='data/street',
        ...     name='street', pattern='tracklet_tree')
    """

    tree = '''
  images that follow `pattern`, or the file `csv` and the images it lists
'''

    def __init__(self,
                 data_root: Union[str, Path],
                 subset: str = 'train',
                 *,
                 name: str,
                 pattern: Optional[str] = None,
                 csv: Optional[str] = None,
                 folders: Optional[dict[str, str]] = None,
                 junk_pids: Sequence[int] = (),
                 distractor_pids: Sequence[int] = (),
                 **kwargs: Any):
        if (pattern is None) == (csv is None):
            raise ValueError(f'ManifestDataset {name!r}: give exactly one of '
                             '`pattern` and `csv`')
        self.pattern = None if pattern is None else compile_pattern(
            self, TRACKLET_TREE if pattern == 'tracklet_tree' else pattern,
            ('pid', 'camid', 'tracklet'))
        self.csv = csv
        self.folders = folders or {'train': '.'}
        if not set(self.folders) <= set(PARTS):
            raise ValueError(
                f'ManifestDataset {name!r}: `folders` has the keys '
                f'{sorted(self.folders)}, expected some of {PARTS}')
        self.junk_pids = tuple(junk_pids)
        self.distractor_pids = tuple(distractor_pids)
        self.canonical_name = name
        super().__init__(data_root, subset, name=name, **kwargs)

    def load_records(self) -> ReIDRecords:
        """Read all subsets, number cameras and tracklets, keep one."""
        rows = (self._csv_rows(self.csv) if self.csv is not None
                else self._pattern_rows(self.pattern))
        self._check_no_overlap(rows)
        self.camera_names = _sorted_tokens({row.camera for row in rows})
        camid_of = {token: i for i, token in enumerate(self.camera_names)}
        tracklets = sorted({(camid_of[row.camera], row.tracklet)
                            for row in rows if row.tracklet})
        tracklet_of = {key: number for number, key in enumerate(tracklets)}
        wanted = [row for row in rows if row.subset in self.parts]
        if not wanted:
            present = sorted({row.subset for row in rows})
            raise ValueError(f'{self.name} in {self.data_root} has no image '
                             f'for subset {self.subset!r}, only {present}')
        return ReIDRecords.from_rows(
            (row.path, row.pid, camid_of[row.camera],
             tracklet_of.get((camid_of[row.camera], row.tracklet), -1))
            for row in self._without_flagged(wanted))

    def _pattern_rows(self, pattern: re.Pattern) -> list[_Row]:
        rows = []
        for part, folder in self.folders.items():
            if leaves_root(str(folder)):
                raise ValueError(f'{self.name}: folder {folder!r} in '
                                 f'`folders` leaves {self.data_root}')
            root = self.data_root / self.find_folder([folder])
            names, skipped = images_below(root)
            if skipped:
                self.log(f'{root}: left out: {skipped}')
            folder = PurePosixPath(folder).as_posix()
            prefix = '' if folder == '.' else f'{folder}/'
            rows += [_row_of(match, prefix, part)
                     for match in parse_paths(names, pattern, root)]
        return rows

    def _csv_rows(self, name: str) -> list[_Row]:
        path = self.find_file(name)
        text = read_text(path)
        reader = csv.DictReader(
            StringIO(text, newline=''), strict=True, skipinitialspace=True,
            delimiter=_delimiter(text.partition('\n')[0]))
        try:
            reader.fieldnames = [
                name.strip() for name in reader.fieldnames or ()]
            _check_header(reader.fieldnames, path)
            rows = [_parse_cells(cells, f'{path}, line {reader.line_num}')
                    for cells in reader]
        except csv.Error as error:
            raise ValueError(
                f'{path}, line {reader.line_num}: {error}') from None
        rows = [row._replace(path=self._entry(row.path)) for row in rows]
        check_entries(self.data_root, [row.path for row in rows], path)
        return rows

    def _entry(self, path: str) -> str:
        """One spelling of a path: './a//b.jpg' and, of Windows, 'a\\b.jpg'."""
        if '\\' in path and not (self.data_root / path).is_file():
            path = path.replace('\\', '/')
        return posixpath.normpath(path) if path else path

    def _check_no_overlap(self, rows: Sequence[_Row]) -> None:
        counts = Counter(row.path for row in rows)
        twice = [path for path, count in counts.items() if count > 1]
        if twice:
            raise ValueError(
                f'{self.name}: {len(twice):,} images are listed more than '
                f'once, e.g. {name_some(twice, 3)}; an image belongs to one '
                'subset')

    def _without_flagged(self, rows: Sequence[_Row]) -> list[_Row]:
        dropped = {'junk'} if self.subset == 'gallery' else {
            'junk', 'distractor'}
        remaining = [row for row in rows if row.flag not in dropped]
        if len(remaining) < len(rows):
            self.log(f'{len(rows) - len(remaining):,} images flagged '
                     f'{" or ".join(sorted(dropped))} dropped')
        return remaining


def _delimiter(header: str) -> str:
    """Of a table: spreadsheets of half of the world write semicolons."""
    return next((sign for sign in ',;\t' if sign in header), ',')


def _row_of(match: re.Match, prefix: str, part: str) -> _Row:
    groups = match.groupdict()
    return _Row(prefix + match.string, part,
                _integer(groups.get('pid'), match.string),
                _camera(groups, match.string), groups.get('tracklet') or '',
                '')


def _camera(fields: dict, where: str) -> str:
    """The camera of an image; '0' only if no image says what its camera is."""
    camera = fields.get('camid', '0')
    if camera in (None, '', '-1'):
        raise ValueError(f'{where}: the camera (`camid`) is {camera!r}, '
                         'unknown, while other images have one; where no '
                         'camera is known, leave it out of all')
    return camera


def _integer(text: Optional[str], where: str) -> int:
    if not text:
        return -1
    try:
        pid = int(text)
    except ValueError:
        pid = -2
    if pid < -1:
        raise ValueError(f'{where}: pid is {text!r}, expected an integer of '
                         'at least 0 (-1 or nothing = unknown)')
    return pid


def _check_header(header: Sequence[str], path: Path) -> None:
    wrong = sorted(set(header) - set(_COLUMNS))
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f'{path}: the column {twice[0]!r} is there twice')
    if 'path' not in header or wrong:
        raise ValueError(
            f'{path}: the columns are {list(header)}; `path` is required, '
            f'{", ".join(_COLUMNS[1:])} are known'
            + (f', not {wrong}' if wrong else ''))


def _parse_cells(cells: dict, where: str) -> _Row:
    if None in cells or None in cells.values():
        raise ValueError(f'{where}: the number of cells differs from the '
                         'number of columns')
    cells = {key: value.strip() for key, value in cells.items()}
    subset = cells.get('subset', 'train')
    flag = cells.get('flag', '')
    check_choice(where, PARTS, subset=subset)
    check_choice(where, _FLAGS, flag=flag)
    return _Row(cells['path'], subset, _integer(cells.get('pid'), where),
                _camera(cells, where), cells.get('tracklet', ''), flag)


def _sorted_tokens(tokens: set[str]) -> tuple[str, ...]:
    if not all(token.isdecimal() for token in tokens):
        return tuple(sorted(tokens))
    if len({int(token) for token in tokens}) < len(tokens):
        raise ValueError(f'cameras {sorted(tokens)} hold one number in two '
                         "spellings, such as '1' and '01'; write them alike")
    return tuple(sorted(tokens, key=int))
