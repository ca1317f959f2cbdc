"""Query and gallery of held-out domains as one set to embed."""

import logging
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmreidmix.registry import DATASETS

from .image_bytes import num_bytes, read_bytes
from .reid_dataset import BaseReIDDataset


@DATASETS.register_module()
class RetrievalDataset(Dataset):
    """Query and gallery of one or several held-out domains, joined.

    Files that are in the gallery and also a query are counted in a warning
    and in ``shared_files``: where the same-camera rule does not leave them
    out, such a query finds itself.

    Args:
        domains (Sequence[dict]): configs of :class:`BaseReIDDataset` without
            ``subset``; both 'query' and 'gallery' are loaded.
        pipeline (Sequence[dict]): test transforms.

    Attributes:
        parts (list[BaseReIDDataset]): query and gallery of each domain.
        shared_files (list[int]): by domain.

    Raises:
        ValueError: no domain, two of one name, or a query or gallery
            without images.
    """

    def __init__(self, domains: Sequence[dict], pipeline: Sequence[dict] = ()):
        if not domains:
            raise ValueError(f'{type(self).__name__}: `domains` is empty; '
                             'name at least one data set to evaluate on')
        self.parts: list[BaseReIDDataset] = [
            DATASETS.build(dict(cfg, subset=subset)) for cfg in domains
            for subset in ('query', 'gallery')
        ]
        for part in self.parts:
            if not len(part):
                raise ValueError(f'the {part.subset} of {part.name} in '
                                 f'{part.data_root} has no image')
        queries, galleries = self.parts[::2], self.parts[1::2]
        self.names = [query.name for query in queries]
        if len(set(self.names)) < len(self.names):
            raise ValueError(
                f'{type(self).__name__}: domain names {self.names} are not '
                'unique; set `name` of one of them')
        self.shared_files = list(
            map(_warn_of_shared_files, queries, galleries))
        self.pipeline = Compose(pipeline)
        self.offsets = np.cumsum([0, *map(len, self.parts)])

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def metainfo(self) -> dict:
        """Names of the domains, in order."""
        return dict(domains=list(self.names))

    def get_data_info(self, index: int) -> dict:
        """What the transforms take, see :class:`BaseReIDDataset`."""
        part = int(np.searchsorted(self.offsets, index, side='right') - 1)
        info = self.parts[part].get_data_info(int(index - self.offsets[part]))
        info.update(index=int(index), domain=part // 2)
        return info

    def __getitem__(self, index: int) -> Any:
        return self.pipeline(self.get_data_info(index))


@DATASETS.register_module()
class SharedRetrievalDataset(RetrievalDataset):
    """A :class:`RetrievalDataset` in which every file is one sample.

    Ten splits of one set are ten domains made of the same images; here one
    pass over the images serves them all. The samples say nothing of domains,
    queries and identities: those are in ``metainfo['rows']``, which every
    :class:`~mmreidmix.evaluation.metrics.base.FeatureMetric` knows. All
    samples claim to be gallery images of the first domain, so that a metric
    which does not know of the rows stops for want of a query.
    """

    def __init__(self, domains: Sequence[dict], pipeline: Sequence[dict] = ()):
        super().__init__(domains, pipeline)
        images: dict[str, int] = {}
        self.image_of_row = np.array([
            images.setdefault(part.image_path(i), len(images))
            for part in self.parts for i in range(len(part))
        ])
        # the first row of each image
        self.row_of_image = np.unique(self.image_of_row, return_index=True)[1]

    def __len__(self) -> int:
        return len(self.row_of_image)

    @property
    def metainfo(self) -> dict:
        """Names of the domains; image and labels of each of their rows."""
        sizes = np.diff(self.offsets)
        records = [part.records for part in self.parts]
        return dict(
            super().metainfo,
            rows=dict(
                image=self.image_of_row,
                pid=np.concatenate([r.pids for r in records]),
                camid=np.concatenate([r.camids for r in records]),
                domain=np.repeat(np.arange(len(sizes)) // 2, sizes),
                is_query=np.repeat(np.arange(len(sizes)) % 2 == 0, sizes)))

    def get_data_info(self, index: int) -> dict:
        """What the transforms take, without what the rows say."""
        info = super().get_data_info(int(self.row_of_image[index]))
        info.update(index=int(index), domain=0, subset='gallery', pid=-1)
        return info


def _warn_of_shared_files(query: BaseReIDDataset,
                          gallery: BaseReIDDataset) -> int:
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


def _is_one_of(path: str, queries: Mapping[str, Sequence[str]]) -> bool:
    return any(
        path == other or (num_bytes(path) == num_bytes(other)
                          and read_bytes(path) == read_bytes(other))
        for other in queries.get(os.path.basename(path), ()))
