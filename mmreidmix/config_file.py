"""Config files, read with errors that name them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    from mmengine.config import Config


def read_config(file: Union[str, Path], options: Optional[Mapping] = None,
                imports: bool = True) -> Config:
    """Run a config file, its bases included.

    Args:
        file (str | Path): the config.
        options (Mapping, optional): changes to it, by dotted keys, as
            ``--cfg-options`` gives them.
        imports (bool): whether modules of ``custom_imports`` are imported.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it, or a base of it, can not be run, or has nothing at the
            place that an option names.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(
            f'no config file {file}; the configs that come with mmreidmix '
            'are under configs/')
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
