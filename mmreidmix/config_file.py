"""Config files, read with errors that name them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from mmreidmix.shipped import shipped_folder

if TYPE_CHECKING:
    from mmengine.config import Config

logger = logging.getLogger(__name__)


def read_config(file: Union[str, Path], options: Optional[Mapping] = None,
                imports: bool = True) -> Config:
    """Run a config file, its bases included.

    Args:
        file (str | Path): the config; where there is no such file, the one
            of this name among those that come with the project.
        options (Mapping, optional): changes to it, by dotted keys, as
            ``--cfg-options`` gives them.
        imports (bool): whether modules of ``custom_imports`` are imported.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it, or a base of it, can not be run, or has nothing at the
            place that an option names.
    """
    file = _existing(Path(file))
    # Imported here: a misspelt name is told before torch is imported.
    from mmengine.config import Config
    try:
        cfg = Config.fromfile(file, import_custom_modules=imports)
    except Exception as error:  # a config is a program
        raise ValueError(f'{file} can not be read as a config: '
                         f'{type(error).__name__}: {error}') from error
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f'--cfg-options {dict(options or {})}: it does not '
                         f'fit {file}: {error}') from error
    return cfg


def _existing(file: Path) -> Path:
    if file.is_file():
        return file
    configs = shipped_folder('configs')
    if not file.is_absolute() and '..' not in file.parts:
        for root in (configs.parent, configs):
            if (root / file).is_file():
                logger.info('%s is one of mmreidmix: %s', file, root / file)
                return root / file
    raise FileNotFoundError(
        f'no config file {file}; those that come with mmreidmix are in '
        f'{configs}')
