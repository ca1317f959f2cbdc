"""All checks, and what comes of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mmreidmix.results.public_values import public_path
from mmreidmix.version import __version__

from .finding import KINDS, LEVELS, Finding
from .images import ImageTable, check_damage, check_shapes
from .labels import check_labels
from .parts import Part
from .similar import check_similar


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, and what was found.

    Attributes:
        parts (Sequence[Part]): the data sets.
        findings (list[Finding]): errors first.
        images (int): how many different ones there are.
        seconds (float): how long it took.
        fast (bool): whether no image was read.
    """

    parts: Sequence[Part]
    findings: list[Finding]
    images: int
    seconds: float
    fast: bool

    def count(self, level: str) -> int:
        """Number of findings of a level."""
        return sum(finding.level == level for finding in self.findings)

    def summary(self) -> str:
        """What was found, in a line."""
        levels = [f'{self.count(level)} {level}'
                  + ('s' if self.count(level) != 1 else '')
                  for level in LEVELS if self.count(level)]
        read = ('no image read' if self.fast else
                f'{self.images / self.seconds:,.0f} images per second')
        return (f'{", ".join(levels) or "nothing found"} in {self.images:,} '
                f'images, {self.seconds:.1f} s, {read}')

    def to_dict(self) -> dict:
        """Plain values, for a JSON file; paths begin at the working folder."""
        return {
            'version': __version__,
            'fast': self.fast,
            'images': self.images,
            'seconds': round(self.seconds, 2),
            'parts': [{
                'domain': part.dataset.name,
                'subset': part.dataset.subset,
                'role': part.role,
                'data_root': public_path(str(part.dataset.data_root)),
                'images': len(part.dataset),
                'identities': part.dataset.num_pids,
                'cameras': part.dataset.num_cams,
            } for part in self.parts],
            'findings': [{
                **asdict(finding),
                'title': KINDS[finding.name].title,
                'advice': finding.advice,
                'examples': [{
                    'images': list(map(public_path, example.images)),
                    'text': example.text,
                } for example in finding.examples],
            } for finding in self.findings],
        }


def examine(parts: Sequence[Part], cross_camera: bool = True,
            configured: bool = True, fast: bool = False) -> Diagnosis:
    """Look at data sets.

    Args:
        parts (Sequence[Part]): of :func:`parts_of_config` or
            :func:`parts_of_domain`.
        cross_camera (bool): see :func:`check_labels`.
        configured (bool): see :func:`check_labels`.
        fast (bool): look at labels and sizes of files alone.
    """
    start = time.perf_counter()
    table = ImageTable.of(parts)
    findings = check_labels(parts, cross_camera, configured)
    if fast:
        table.fill_sizes()
        findings += check_damage(table)
    else:
        table.fill()
        findings += [*check_damage(table), *check_shapes(table),
                     *check_similar(table)]
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Diagnosis(parts, findings, len(table),
                     time.perf_counter() - start, fast)
