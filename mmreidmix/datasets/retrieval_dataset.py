"""Query and gallery of held-out domains as one set to embed."""

import filecmp
import logging
import os
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmreidmix.registry import DATASETS


@DATASETS.register_module()
class RetrievalDataset(Dataset):
    """Concatenates query and gallery of one or several held-out domains.

    Files that are in the gallery and also a query are counted in a warning
    and in ``shared_files``: where the same-camera rule does not leave them
    out, such a query finds itself.

    Args:
        domains (Sequence[dict]): configs of :class:`BaseReIDDataset` without
            ``subset``; both 'query' and 'gallery' are loaded.
        pipeline (Sequence[dict]): test transforms.

    Raises:
        ValueError: no domain, two of one name, or a query or gallery
            without images.

    Attributes:
        shared_files (list[int]): by domain.
    """

    def __init__(self, domains: Sequence[dict], pipeline: Sequence[dict] = ()):
        if not domains:
            raise ValueError('RetrievalDataset: `domains` is empty; name at '
                             'least one data set to evaluate on')
        self.parts = [
            DATASETS.build(dict(cfg, subset=subset)) for cfg in domains
            for subset in ('query', 'gallery')
        ]
        for part in self.parts:
            if not len(part):
                raise ValueError(f'the {part.subset} of {part.name} in '
                                 f'{part.data_root} has no image')
        self.names = [part.name for part in self.parts[::2]]
        if len(set(self.names)) < len(self.names):
            raise ValueError(f'RetrievalDataset: domain names {self.names} '
                             'are not unique; set `name` of one of them')
        self.shared_files = [
            _warn_of_shared_files(*sides)
            for sides in zip(self.parts[::2], self.parts[1::2])
        ]
        self.pipeline = Compose(pipeline)
        self.offsets = np.concatenate(
            [[0], np.cumsum([len(part) for part in self.parts])]).astype(int)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def metainfo(self) -> dict:
        """Names of the domains, in order."""
        return dict(domains=list(self.names))

    def get_data_info(self, index: int) -> dict:
        """Facts of one image."""
        part = int(np.searchsorted(self.offsets, index, side='right') - 1)
        info = self.parts[part].get_data_info(int(index - self.offsets[part]))
        info.update(index=int(index), domain=part // 2)
        return info

    def __getitem__(self, index: int):
        return self.pipeline(self.get_data_info(index))


def _warn_of_shared_files(query, gallery) -> int:
    queries = defaultdict(list)
    for i in range(len(query)):
        path = query.image_path(i)
        queries[os.path.basename(path)].append(path)
    shared = sum(
        _is_one_of(gallery.image_path(i), queries)
        for i in range(len(gallery)))
    if shared:
        print_log(
            f'{query.name}: {shared} of {len(gallery)} gallery images are '
            'queries too (the same files, or copies of the same name); use '
            'cross_camera=True, or take them out of the gallery, if a query '
            'must not find itself',
            logger='current',
            level=logging.WARNING)
    return shared


def _is_one_of(path: str, queries: dict) -> bool:
    return any(
        path == other or filecmp.cmp(path, other, shallow=False)
        for other in queries.get(os.path.basename(path), ()))
