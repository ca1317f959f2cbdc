"""What a model file says of itself, whatever kind it is of."""

import json
import zipfile
from pathlib import Path
from typing import Optional, Union

from mmreidmix.apis.trained_model import existing_file, load_trained_model
from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.choices import EXPORTED

from .description import DESCRIPTION, read_description
from .inference_backends import run_exported


def describe_model(path: Union[str, Path]) -> dict:
    """Preparation, thresholds, training and datasheets of a model file.

    No program in a file is run to find them.

    Args:
        path (str | Path): a checkpoint of this project, or what
            ``tools/export/export_model.py`` wrote: a file, or the folder for
            Roboflow.

    Returns:
        dict: see :meth:`TrainedModel.description`; of graphs 'input', how
        they are fed, too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it can not be read, or says nothing.
    """
    path = Path(path)
    if path.is_dir():
        return read_description(_field(path / 'reid_config.json'), str(path))
    if existing_file(path).suffix in EXPORTED:
        return run_exported(path, device='cpu').description
    if path.suffix == '.pt2':
        return read_description(_entry(path), str(path))
    if path.suffix == '.pt' and DESCRIPTION in read_checkpoint(path):
        return read_description(read_checkpoint(path)[DESCRIPTION], str(path))
    return load_trained_model(path).description()


def _field(path: Path) -> Optional[str]:
    """The description in the settings of Roboflow."""
    try:
        return dict(json.loads(
            existing_file(path).read_text('utf-8'))).get(DESCRIPTION)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path} can not be read as JSON: {error}') from None


def _entry(path: Path) -> Optional[str]:
    """The description in an archive of torch.export."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist()
                     if name.endswith(f'/extra/{DESCRIPTION}')]
            return archive.read(names[0]).decode() if names else None
    except zipfile.BadZipFile as error:
        raise ValueError(f'{path} can not be read as a program of '
                         f'torch.export: {error}') from None
