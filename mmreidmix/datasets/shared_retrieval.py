"""Held-out domains that share files, each file embedded once."""

from collections.abc import Sequence

import numpy as np

from mmreidmix.registry import DATASETS

from .retrieval_dataset import RetrievalDataset


@DATASETS.register_module()
class SharedRetrievalDataset(RetrievalDataset):
    """A :class:`RetrievalDataset` in which every file is one sample.

    Ten splits of one set are ten domains made of the same images; here one
    pass over the images serves them all. The samples say nothing of domains,
    queries and identities: those are in ``metainfo['rows']``, which every
    :class:`~mmreidmix.evaluation.metrics.base.FeatureMetric` knows. All
    samples claim to be gallery images of the first domain, so that a metric
    which does not know of the rows stops for want of a query.

    Args:
        domains (Sequence[dict]): as for :class:`RetrievalDataset`.
        pipeline (Sequence[dict]): test transforms.

    Raises:
        ValueError: as :class:`RetrievalDataset`.
    """

    def __init__(self, domains: Sequence[dict], pipeline: Sequence[dict] = ()):
        super().__init__(domains, pipeline)
        paths = [part.image_path(i) for part in self.parts
                 for i in range(len(part))]
        images = {}
        self.image_of_row = np.array(
            [images.setdefault(path, len(images)) for path in paths])
        # the first row of each image
        self.row_of_image = np.unique(self.image_of_row, return_index=True)[1]

    def __len__(self) -> int:
        return len(self.row_of_image)

    @property
    def metainfo(self) -> dict:
        """Names of the domains; what image each of their rows is."""
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
        """Facts of one image, but for what its rows say."""
        info = super().get_data_info(int(self.row_of_image[index]))
        info.update(index=int(index), domain=0, subset='gallery', pid=-1)
        return info
