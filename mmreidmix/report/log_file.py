"""What the log of one training says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

_HEAD = re.compile(
    r'(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - \S+ - ([A-Z]+) - (.*)')
_SETTING = re.compile(r' {4}(\S[^:]*): (.*)')
_SAVED = re.compile(r'Saving checkpoint at (\d+) (epochs|iterations)')
_RESUMED = re.compile(r'resumed epoch: (\d+), iter: (\d+)')
_NAME = re.compile(r'Exp name: (.+)_\d{8}_\d{6}$')


@dataclass(frozen=True)
class TrainingLog:
    """The log of one run of ``tools/train.py``.

    Attributes:
        file (Path): of the log.
        start (datetime): of the first line.
        end (datetime): of the last line.
        messages (list[tuple[str, str]]): level and text; a text may have
            several lines.
        environment (dict[str, str]): as MMEngine collects it.
    """

    file: Path
    start: datetime
    end: datetime
    messages: list[tuple[str, str]]
    environment: dict[str, str]

    @property
    def seconds(self) -> float:
        """From the first to the last line."""
        return (self.end - self.start).total_seconds()

    @property
    def name(self) -> Optional[str]:
        """Name of the experiment, None before the first epoch ended."""
        return self._last(_NAME, lambda found: found[1])

    @property
    def saved(self) -> Optional[tuple[int, str]]:
        """Last saved checkpoint: its number, 'epochs' or 'iterations'."""
        return self._last(_SAVED, lambda found: (int(found[1]), found[2]))

    @property
    def resumed(self) -> Optional[int]:
        """Epochs that were trained before; None if it began anew."""
        return self._last(_RESUMED, lambda found: int(found[1]))

    @property
    def seed(self) -> str:
        """The seed, as it was logged."""
        return self.environment.get('seed') or self.environment.get(
            'numpy_random_seed', 'not logged')

    def _last(self, pattern: re.Pattern, value: Callable) -> Any:
        matches = (pattern.match(text) for _, text in reversed(self.messages))
        return next((value(match) for match in matches if match), None)


def read_training_log(file: Path) -> Optional[TrainingLog]:
    """Read a log of MMEngine.

    Returns:
        TrainingLog or None: None for the log of anything but a training, and
        of one that ended before its first step.
    """
    heads: list[re.Match] = []
    texts: list[list[str]] = []
    content = file.read_text(encoding='utf-8', errors='replace')
    for line in content.splitlines():
        head = _HEAD.match(line)
        if head:
            heads.append(head)
            texts.append([head[3]])
        elif texts:
            texts[-1].append(line)
    messages = [(head[2], '\n'.join(lines))
                for head, lines in zip(heads, texts)]
    # CheckpointHook says so at the beginning of every training
    if not any(text.startswith('Checkpoints will be saved to')
               for _, text in messages):
        return None
    start, end = (datetime.strptime(heads[i][1], '%Y/%m/%d %H:%M:%S')
                  for i in (0, -1))
    return TrainingLog(file, start, end, messages, _environment(messages))


def _environment(messages: list[tuple[str, str]]) -> dict[str, str]:
    for _, text in messages:
        if 'System environment:' in text:
            found = map(_SETTING.fullmatch, text.split('\n'))
            return {match[1]: match[2] for match in found if match}
    return {}
