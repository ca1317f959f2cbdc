"""Names of files and folders: which are images, which are errors."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

from mmreidmix.checks import name_some
from mmreidmix.files import read_text

#: in lower case
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')

_LITTER = frozenset((
    '.DS_Store', 'Thumbs.db', 'desktop.ini', '__MACOSX', '@eaDir', '#recycle',
    '$RECYCLE.BIN', 'System Volume Information', 'lost+found',
    '.fseventsd', '.Spotlight-V100'))
_LITTER_STARTS = ('._', '.Trash')


def is_litter(name: str) -> bool:
    """Tell whether an operating system, not the data set, left this name."""
    return name in _LITTER or name.startswith(_LITTER_STARTS)


def iter_entries(folder: Union[str, Path]) -> Iterator[os.DirEntry]:
    """Entries of a folder without the litter of operating systems."""
    with os.scandir(folder) as entries:
        yield from (e for e in entries if not is_litter(e.name))


def is_hidden(name: str) -> bool:
    """Tell whether file managers do not show this name."""
    return name.startswith('.')


def list_folders(folder: Union[str, Path]) -> list[str]:
    """Sorted names of the sub-folders (links to folders included)."""
    return sorted(e.name for e in iter_entries(folder) if e.is_dir())


class FolderImages(NamedTuple):
    """Images below a folder, and what else lies there.

    Attributes:
        names (list[str]): '/'-separated relative paths, sorted by folder.
        skipped (str): what is left out, counted by reason; '' for nothing.
    """

    names: list[str]
    skipped: str


def images_below(folder: Union[str, Path]) -> FolderImages:
    """List images at any depth.

    Links to folders are followed, but never to a folder that contains the
    link, so that a link to a parent folder does not loop. Litter of operating
    systems is passed over. Hidden files and folders are left out and counted,
    and so are files that are no images by their names.

    Raises:
        OSError: a folder can not be read.
    """
    found = list(_walk(str(folder), '', (os.path.realpath(folder), )))
    shown = [name for name in found
             if not is_hidden(name.rpartition('/')[2])]
    names = [name for name in shown if is_image(name)]
    return FolderImages(names, skipped_text(
        len(found) - len(shown), len(shown) - len(names),
        [name for name in shown if not is_image(name)][:3]))


def is_image(name: str) -> bool:
    """Tell whether a file is an image by its name."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def skipped_text(hidden: int, others: int, examples: Sequence[str]) -> str:
    """What readers of folders say of the files that they leave out."""
    reasons = []
    if hidden:
        reasons.append(f'hidden files and folders: {hidden:,}')
    if others:
        reasons.append('files that are no images by their names: '
                       f'{others:,}, e.g. {name_some(examples, 3)}')
    return '; '.join(reasons)


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yield files, and hidden folders by their names."""
    for entry in sorted(iter_entries(folder), key=lambda entry: entry.name):
        if is_hidden(entry.name) or not entry.is_dir():
            yield prefix + entry.name
            continue
        real = os.path.realpath(entry.path)
        if real not in above:
            yield from _walk(entry.path, f'{prefix}{entry.name}/',
                             (*above, real))


def compile_pattern(owner: object, pattern: str, groups: Sequence[str],
                    needed: Sequence[str] = ()) -> re.Pattern:
    """Compile the option ``pattern`` of a data set.

    Args:
        owner (object): who has the option, for messages.
        pattern (str): regular expression with named groups.
        groups (Sequence[str]): groups that it may have.
        needed (Sequence[str]): groups that it must have.

    Raises:
        ValueError: it is no regular expression, or has other groups.
    """
    owner = type(owner).__name__
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'{owner}: pattern {pattern!r} is not a regular '
                         f'expression: {error}') from error
    found = set(compiled.groupindex)
    if not set(needed) <= found <= set(groups):
        raise ValueError(
            f'{owner}: pattern has the groups {sorted(found)}; it may have '
            f'{name_some(groups)} and needs {name_some(needed)}')
    return compiled


def parse_names(names: Sequence[str], pattern: re.Pattern,
                where: Union[str, Path]) -> list[re.Match]:
    """Match every name as a whole.

    Args:
        names (Sequence[str]): base names or lines of a public data set.
        pattern (re.Pattern): what a whole name looks like.
        where (str | Path): folder or list file, for the message.

    Raises:
        ValueError: names do not match; counts them and shows three.
    """
    matches = [match for match in map(pattern.fullmatch, names) if match]
    if len(matches) < len(names):
        wrong = [name for name in names if not pattern.fullmatch(name)]
        raise ValueError(
            f'{where}: {len(wrong):,} of {len(names):,} names do not follow '
            f'the pattern {pattern.pattern!r}, e.g. '
            f'{name_some(sorted(wrong), 3)}. Move foreign files out of the '
            'folder, or check that this is the right data set.')
    return matches


def parse_paths(paths: Sequence[str], pattern: re.Pattern,
                where: Union[str, Path]) -> list[re.Match]:
    """Match relative paths of images with a pattern that a user wrote.

    Args:
        paths (Sequence[str]): '/'-separated, below ``where``.
        pattern (re.Pattern): what a whole path looks like.
        where (str | Path): folder, for the message.

    Raises:
        ValueError: paths do not match; counts them and shows the first.
    """
    matches = [match for match in map(pattern.fullmatch, paths) if match]
    if len(matches) < len(paths):
        wrong = [path for path in paths if not pattern.fullmatch(path)]
        text = mismatch_text(pattern, wrong[0], len(wrong), len(paths))
        raise ValueError(f'{where}: {text}')
    return matches


def mismatch_text(pattern: re.Pattern, first: str, wrong: int,
                  total: int) -> str:
    """What to say where a user's pattern does not match.

    Args:
        pattern (re.Pattern): the pattern.
        first (str): the first path that does not match.
        wrong (int): how many do not.
        total (int): how many paths there are.
    """
    part = pattern.search(first)
    hint = (f'only its part {part[0]!r} does' if part and part[0]
            else 'no part of it does')
    return (f'{wrong:,} of {total:,} paths do not match the pattern '
            f'{pattern.pattern!r}, which must match the whole path below the '
            f"folder, with '/' between its parts. The first is {first!r}; "
            f'{hint}')


def parse_lines(path: Path, pattern: re.Pattern) -> list[re.Match]:
    """Match every line of a list file that is not blank.

    Raises:
        ValueError: as :func:`parse_names`.
    """
    lines = map(str.strip, read_text(path).splitlines())
    return parse_names([line for line in lines if line], pattern, path)


def check_entries(root: Union[str, Path], entries: Sequence[str],
                  source: Union[str, Path]) -> None:
    """Check that listed files exist and lie inside their folder.

    The folder itself may be a link, and so may files and folders in it, as
    long as what they point to is still inside.

    Args:
        root (str | Path): folder the entries are relative to.
        entries (Sequence[str]): '/'-separated relative paths.
        source (str | Path): the list they come from, for messages.

    Raises:
        ValueError: an entry points outside ``root``.
        FileNotFoundError: an entry does not exist.
    """
    top = os.path.realpath(root)
    outside = [e for e in entries if leaves_root(e)]
    if outside:
        _raise_outside(source, outside, root)
    by_folder = defaultdict(list)
    for entry in entries:
        by_folder[entry.rpartition('/')[0]].append(entry)
    missing = []
    for folder, members in by_folder.items():
        absolute = os.path.join(top, folder)
        if not _inside(os.path.realpath(absolute), top):
            _raise_outside(source, members, root)
        is_link = _files(absolute)
        for entry in members:
            name = entry.rpartition('/')[2]
            if name not in is_link:
                missing.append(entry)
            elif is_link[name] and not _inside(
                    os.path.realpath(os.path.join(absolute, name)), top):
                _raise_outside(source, [entry], root)
    if missing:
        raise FileNotFoundError(
            f'{source}: {len(missing):,} of {len(entries):,} listed images '
            f'are not below {root}, e.g. '
            f'{name_some(sorted(missing), 3)}. The copy is incomplete; '
            'unpack it again.')


def leaves_root(path: str) -> bool:
    """Tell whether a path is absolute or climbs by '..'."""
    return (os.path.isabs(path) or path.startswith('\\')
            or '..' in path.replace('\\', '/').split('/'))


def _files(folder: str) -> dict[str, bool]:
    """Names of the files in a folder, and whether each is a link."""
    if not os.path.isdir(folder):
        return {}
    with os.scandir(folder) as entries:
        return {e.name: e.is_symlink() for e in entries
                if e.is_file() or e.is_symlink()}


def _inside(path: str, top: str) -> bool:
    return os.path.commonpath((path, top)) == top


def _raise_outside(source: Union[str, Path], entries: Sequence[str],
                   root: Union[str, Path]) -> None:
    raise ValueError(
        f'{source}: {len(entries):,} entries point outside {root}, e.g. '
        f'{name_some(sorted(entries), 3)}. Paths must be relative to the '
        "data set folder and stay in it ('..', absolute paths and links "
        'that lead out are refused).')
