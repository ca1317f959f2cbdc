"""One job of a suite: a config with a seed, and what its folder holds."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Optional

from mmreidmix.camera_profiles import TESTED_PROFILES
from mmreidmix.files import replace_file
from mmreidmix.results.provenance import method_hash
from mmreidmix.results.result_file import read_result

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


@cache
def config_hashes(config: str) -> dict[str, str]:
    """SHA-256 of what makes the model, and of the whole config, read once."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.config_file import read_config
    cfg = read_config(config).to_dict()
    shown = {k: v for k, v in cfg.items() if not k.startswith('_')}
    text = json.dumps(shown, sort_keys=True, default=str)
    return dict(
        method=method_hash(cfg),
        config=hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True)
class Job:
    """A training with its test, or the test of the start of a config.

    Its folder holds the work dir of the training, ``results.json`` and
    ``job.json``: hashes of the config, attempts, minutes and memory.

    Args:
        config (str): the config file.
        seed (int, optional): of the training; None: its start is tested.
        out (Path): folder of the suite.
        profiles (bool): test with camera profiles of the tested images too.
    """

    config: str
    seed: Optional[int]
    out: Path
    profiles: bool = False

    @property
    def name(self) -> str:
        """How a person calls it."""
        what = 'start' if self.seed is None else f'seed {self.seed}'
        return f'{Path(self.config).stem} {what}'

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        last = 'start' if self.seed is None else f'seed{self.seed}'
        return self.out / Path(self.config).stem / last

    @property
    def result_file(self) -> Path:
        """What the test writes."""
        return self.folder / 'results.json'

    @property
    def hashes(self) -> dict[str, str]:
        """See :func:`config_hashes`."""
        return config_hashes(self.config)

    def facts(self) -> dict:
        """Content of ``job.json``; empty for a job that was not begun.

        Raises:
            ValueError: the file is broken.
        """
        file = self.folder / 'job.json'
        if not file.is_file():
            return {}
        try:
            return dict(json.loads(file.read_text(encoding='utf-8')))
        except ValueError as error:
            raise ValueError(f'{file} is broken ({error}); remove the folder '
                             'to run the job anew') from error

    def write_facts(self, facts: Mapping) -> None:
        """Replace ``job.json``."""
        text = json.dumps(facts, indent=2) + '\n'
        replace_file(self.folder / 'job.json',
                     lambda stream: stream.write(text.encode()))

    def check_method(self) -> None:
        """Raise ValueError for a training with another config."""
        known = self.facts().get('method_sha256')
        if known not in (None, self.hashes['method']):
            raise ValueError(
                f'{self.folder} was trained before {self.config} changed: '
                'remove the folder to train anew, or name another --out')

    def result(self) -> Optional[dict]:
        """Result of a finished job with this very config, else None."""
        if self.facts().get('config_sha256') != self.hashes['config']:
            return None
        try:
            result = read_result(self.result_file)
        except (FileNotFoundError, ValueError):
            return None
        if self.profiles and not any(
                TESTED_PROFILES in key for key in result['results']):
            return None
        return result if result['training_seed'] == self.seed else None

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Keep other processes out; gives the file to pass to children.

        The lock falls when the last process that has the file open ends, so
        that a training whose parent was killed still holds it.

        Raises:
            ValueError: another process works in the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / 'lock', 'w') as file:
            try:
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ValueError(f'another process works in {self.folder}; '
                                 'wait for it or end it') from error
            yield file.fileno()

    def wait(self) -> None:
        """Wait until no process works in the folder."""
        with open(self.folder / 'lock', 'w') as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)


def close_attempts(folder: Path, attempts: list) -> list:
    """Attempts with the minutes of one that was killed, as its logs tell."""
    logs = [file.stat().st_mtime for file in folder.rglob('*.log')]
    return [
        attempt if attempt['minutes'] is not None else dict(
            attempt,
            minutes=max(0., max(logs, default=0.) - attempt['began']) / 60)
        for attempt in attempts
    ]


def new_attempt() -> dict:
    """An attempt that begins now."""
    return dict(began=time.time(), minutes=None, peak_mib=None)
