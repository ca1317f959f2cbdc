"""Images of a data set, to be embedded with what it knows of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmreidmix.datasets import BaseReIDDataset, Domain
from mmreidmix.datasets.reid_dataset import NoSuchSubsetError
from mmreidmix.registry import DATASETS

from .path_parsing import PathLabels


class DomainImages:
    """All images of a data set: names, places and labels.

    Args:
        cfg (Mapping): config of the data set; without ``subset``, all subsets
            that it has.

    Attributes:
        names (list[str]): paths of the images, sorted, none twice.
        cameras (dict[int, str]): number of each camera in a gallery -> its
            name. It is the name itself where all names are numbers.

    Raises:
        FileNotFoundError, ValueError: there is no image.
    """

    def __init__(self, cfg: Mapping):
        self.parts = _build(cfg)
        tokens = self.parts[0].camera_names
        numbers = (list(map(int, tokens)) if all(map(str.isdecimal, tokens))
                   else range(len(tokens)))
        self.cameras = dict(zip(numbers, tokens))
        self._camids = np.array(numbers, np.int64)
        self._rows = {
            part.records.path(i): (part, i)
            for part in self.parts for i in range(len(part))}
        self.names = sorted(self._rows)

    def address(self, name: str) -> str:
        """Where an image is: what :func:`read_image` takes."""
        part, row = self._rows[name]
        return part.image_path(row)

    def __call__(self, names: Sequence[str]) -> PathLabels:
        """What is known of N images."""
        rows = [self._rows[name] for name in names]
        times = {part: part.times if isinstance(part, Domain)
                 else np.full(len(part), np.nan) for part in self.parts}
        return PathLabels(
            np.array([part.records.pids[i] for part, i in rows], np.int64),
            self._camids[[part.records.camids[i] for part, i in rows]],
            np.array([times[part][i] for part, i in rows], np.float64),
            np.array([part.records.tracklets[i] for part, i in rows],
                     np.int64))


def _build(cfg: Mapping) -> list[BaseReIDDataset]:
    if 'subset' in cfg:
        return [DATASETS.build(dict(cfg))]
    parts: list[BaseReIDDataset] = []
    for subset in DATASETS.get(cfg['type']).subsets:
        if subset == 'all':
            continue
        try:
            parts.append(DATASETS.build(dict(cfg, subset=subset)))
        except NoSuchSubsetError as error:
            absent = error
    if not parts:
        raise absent
    return parts
