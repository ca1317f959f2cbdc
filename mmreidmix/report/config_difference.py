"""What a config file changes in its bases, and a run in its config file."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmreidmix.config_text import (
    differences,
    parse_config,
    same,
    value_at,
)
from mmreidmix.shipped import shipped_folder


class Change(NamedTuple):
    """One dotted key that a run has other than the bases of its config file.

    The values may be :data:`ABSENT`. ``by_file`` says that the config file
    sets it; else it was set at the start of the run.
    """

    key: str
    base: object
    run: object
    by_file: bool


def find_config(name: str) -> Path:
    """Find a config file that comes with the project, by its stem.

    Raises:
        FileNotFoundError: there is none of this name.
        ValueError: there are several.
    """
    found = [file for file in sorted(shipped_folder('configs').rglob('*.py'))
             if file.stem == name and '_base_' not in file.parts]
    if not found:
        raise FileNotFoundError(
            f'no config {name}.py among those that come with mmreidmix, so '
            'its base configs are not known; name the file by --config')
    if len(found) > 1:
        raise ValueError(f'several configs are called {name}.py: '
                         f'{", ".join(map(str, found))}; name one by --config')
    return found[0]


def base_names(file: Path) -> list[str]:
    """The base configs that a config file names, as it names them.

    Raises:
        OSError: the file can not be read.
        ValueError: it is no Python.
    """
    names = parse_config(file.read_text(encoding='utf-8')).get('_base_', [])
    return [names] if isinstance(names, str) else list(names)


def read_bases(file: Path) -> dict:
    """Join the base configs of a config file, which are run for that.

    Raises:
        FileNotFoundError: a base is missing.
    """
    names = [name if '::' in name else str((file.parent / name).resolve())
             for name in base_names(file)]
    with tempfile.TemporaryDirectory() as folder:
        joined = Path(folder) / 'bases.py'
        joined.write_text(f'_base_ = {names!r}\n', encoding='utf-8')
        return read_config(joined)


def read_config(file: Path) -> dict:
    """Run a config file, its bases included; what it imports is left out."""
    return Config.fromfile(file, import_custom_modules=False).to_dict()


def changes(base: Mapping, file: Mapping, run: Mapping) -> list[Change]:
    """What differs between the bases and a run.

    A dictionary that one of them lacks as a whole is one change. Helper
    variables, whose names begin with an underscore, are left out.

    Args:
        base (Mapping): the bases joined.
        file (Mapping): the config file with its bases.
        run (Mapping): the config that was run.

    Returns:
        list[Change]: by key.
    """
    return [
        Change('.'.join(map(str, path)), old, new,
               same(value_at(file, path), new))
        for path, old, new in differences(base, run)
        if not str(path[0]).startswith('_')
    ]
