"""What a training has left in its work dir."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Optional, Union

from mmreidmix.config_text import parse_config
from mmreidmix.results.checkpoint_selection import selection_rule
from mmreidmix.results.result_file import read_result
from mmreidmix.results.start_row import split_starts
from mmreidmix.visualization import read_scalars

from .log_file import read_training_log


@dataclass(frozen=True)
class Options:
    """What a report is to show.

    Attributes:
        config (str, optional): the config file of the run, where it is none
            of those that come with the project. It is run.
        with_images (bool): whether images that may show people are embedded.
    """

    config: Optional[str] = None
    with_images: bool = False


class WorkDir:
    """A work dir of ``tools/train.py``, read where it is asked for.

    Nothing in it is run, and nothing is written.

    Args:
        path (str | Path): the folder.
        result_files (Sequence[str | Path]): results of ``tools/test.py``
            that lie elsewhere.

    Raises:
        FileNotFoundError: there is no such folder, or no training in it.
        ValueError: it belongs to another project, or a result file can not
            be read.

    Attributes:
        path (Path): the folder.
        logs (list[TrainingLog]): of the trainings, oldest first.
        config_text (str): the config of the last one; '' if it is not there.
        config (dict): the same, its values.
        results (dict[Path, dict]): result files here and those given.
        starts (dict[Path, dict]): results of doing nothing, see
            :func:`~mmreidmix.results.start_row.split_starts`.
    """

    def __init__(self,
                 path: Union[str, Path],
                 result_files: Sequence[Union[str, Path]] = ()):
        self.path = Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f'no folder {path}; expected the work dir '
                                    'of a training by tools/train.py')
        runs = sorted(
            folder for folder in self.path.iterdir()
            if folder.is_dir() and re.fullmatch(r'\d{8}_\d{6}', folder.name))
        logs = [read_training_log(file) for file in (
            run / f'{run.name}.log' for run in runs) if file.is_file()]
        self.logs = [log for log in logs if log]
        self.config_text, self.config = self._read_config(
            [log.file.parent for log in self.logs] or runs)
        if not runs and not self.config:
            raise FileNotFoundError(
                f'{self.path} is no work dir of tools/train.py: expected a '
                'config (*.py) and a folder per run, such as '
                '20250131_120000/, with its log and vis_data/')
        scope = self.config.get('default_scope', 'mmreidmix')
        if scope != 'mmreidmix':
            raise ValueError(
                f'{self.path} belongs to another project: its config has '
                f"default_scope = {scope!r}, expected 'mmreidmix'")
        files = [file for file in sorted([*self.path.glob('*.json'),
                                          *self.path.glob('*/*.json')])
                 if _is_result(file)]
        self.results, self.starts = split_starts({
            Path(file): read_result(file) for file in [*files, *result_files]})

    @property
    def name(self) -> str:
        """Name of the experiment: by default that of its config file."""
        return self._logged_name or self.config_name

    @property
    def config_name(self) -> str:
        """Name of the config file, without its suffix."""
        configs = list(self.path.glob('*.py'))
        if len(configs) == 1:
            return configs[0].stem
        return self._logged_name or self.path.resolve().name

    @property
    def _logged_name(self) -> Optional[str]:
        named = [log.name for log in self.logs if log.name]
        return named[-1] if named else None

    @cached_property
    def scalars(self) -> list[dict]:
        """Rows of :func:`mmreidmix.visualization.read_scalars`."""
        return read_scalars(self.path)

    @property
    def own_start(self) -> dict:
        """What this training started from: ``start.json``, or nothing."""
        file = self.path / 'start.json'
        return {file: self.starts[file]} if file in self.starts else {}

    @property
    def checkpoint(self) -> Optional[Path]:
        """The last checkpoint; its file may have been moved or deleted."""
        note = self.path / 'last_checkpoint'
        if not note.is_file():
            return None
        # The folder may have been moved since it was written.
        return self.path / Path(note.read_text().strip()).name

    @property
    def rule(self) -> str:
        """By which rule the last checkpoint stands for the training."""
        if not self.checkpoint or not self.logs or not self.logs[-1].saved:
            return 'unknown'
        number, unit = self.logs[-1].saved
        key = 'epoch' if unit == 'epochs' else 'iter'
        return selection_rule(
            self.checkpoint.name, {key: number}, self.config)

    @property
    def first_epoch(self) -> int:
        """Epochs that were trained elsewhere, before the first log here."""
        return (self.logs[0].resumed or 0) if self.logs else 0

    def _read_config(self, runs: Sequence[Path]) -> tuple[str, dict]:
        files = [run / 'vis_data' / 'config.py' for run in reversed(runs)]
        files += sorted(self.path.glob('*.py'))
        for file in files:
            if file.is_file():
                text = file.read_text(encoding='utf-8')
                try:
                    return text, parse_config(text)
                except ValueError as error:
                    raise ValueError(f'{file}: {error}') from error
        return '', {}


def _is_result(file: Path) -> bool:
    """Whether a file is by ``tools/test.py``, by its first key."""
    with open(file, encoding='utf-8', errors='replace') as stream:
        head = stream.read(200)
    if '"format_version"' not in head:
        return False
    try:
        return 'results' in json.loads(
            file.read_text(encoding='utf-8', errors='replace'))
    except ValueError:
        return True  # a damaged one: read_result says so
