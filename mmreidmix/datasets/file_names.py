"""Reading folders and file names: what is an image, what is an error."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmreidmix.checks import name_some

#: Lower case.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')

_LITTER = frozenset(('.DS_Store', 'Thumbs.db', 'desktop.ini', '__MACOSX'))


def is_litter(name: str) -> bool:
    """Tell whether an operating system, not the data set, left this name."""
    return name in _LITTER or name.startswith('._')


def list_names(folder) -> list[str]:
    """Names in a folder without the litter of operating systems."""
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not is_litter(e.name)]


def list_folders(folder) -> list[str]:
    """Sorted names of the sub-folders (links to folders included)."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries
                      if e.is_dir() and not is_litter(e.name))


def walk_files(folder, prefix: str = '') -> Iterator[str]:
    """Yield files at any depth as '/'-separated paths relative to `folder`.

    Links to folders are followed, each real folder at most once on one way
    down, so a link to a parent folder ends instead of looping.
    """
    yield from _walk(str(folder), prefix, (os.path.realpath(folder), ))


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        entries = sorted(entries, key=lambda entry: entry.name)
    for entry in entries:
        if is_litter(entry.name):
            continue
        if not entry.is_dir():
            yield prefix + entry.name
            continue
        real = os.path.realpath(entry.path)
        if real not in above:
            yield from _walk(entry.path, f'{prefix}{entry.name}/',
                             (*above, real))


def parse_names(names: Sequence[str], pattern: re.Pattern,
                where) -> list[re.Match]:
    """Match every name against an anchored pattern.

    Args:
        names (Sequence[str]): Base names, or paths relative to `where`.
        pattern (re.Pattern): Must match the whole name.
        where (str | Path): Folder or list file, for the message.

    Raises:
        ValueError: If names do not match; counts them and shows three.
    """
    matches = [pattern.fullmatch(name) for name in names]
    wrong = [name for name, match in zip(names, matches) if match is None]
    if wrong:
        raise ValueError(
            f'{where}: {len(wrong):,} of {len(names):,} names do not follow '
            f'the pattern {pattern.pattern!r}, e.g. '
            f'{name_some(sorted(wrong), 3)}. Move foreign files out of the '
            'folder, or check that this is the right data set.')
    return matches


def check_entries(root, entries: Sequence[str], source) -> None:
    """Check that listed files exist and lie inside their folder.

    The folder itself may be a link, and so may files and folders in it, as
    long as what they point to is still inside.

    Args:
        root (str | Path): Folder the entries are relative to.
        entries (Sequence[str]): '/'-separated relative paths.
        source (str | Path): The list they come from, for messages.

    Raises:
        ValueError: If an entry points outside `root`.
        FileNotFoundError: If an entry does not exist.
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
        present, linked = _files(absolute)
        for entry in members:
            name = entry.rpartition('/')[2]
            if name not in present:
                missing.append(entry)
            elif name in linked and not _inside(
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


def _files(folder: str) -> tuple[set[str], set[str]]:
    if not os.path.isdir(folder):
        return set(), set()
    with os.scandir(folder) as entries:
        entries = list(entries)
    return ({e.name for e in entries if e.is_file() or e.is_symlink()},
            {e.name for e in entries if e.is_symlink()})


def _inside(path: str, top: str) -> bool:
    return os.path.commonpath((path, top)) == top


def _raise_outside(source, entries: Sequence[str], root: Path) -> None:
    raise ValueError(
        f'{source}: {len(entries):,} entries point outside {root}, e.g. '
        f'{name_some(sorted(entries), 3)}. Paths must be relative to the '
        "data set folder and stay in it ('..', absolute paths and links "
        'that lead out are refused).')
