"""Query and gallery of held-out domains as one set to embed."""

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from mmreidmix.registry import DATASETS


@DATASETS.register_module()
class RetrievalDataset(Dataset):
    """Concatenates query and gallery of one or several held-out domains.

    Args:
        domains (Sequence[dict]): configs of :class:`BaseReIDDataset` without
            ``subset``; both 'query' and 'gallery' are loaded.
        pipeline (Sequence[dict]): test transforms.

    Raises:
        ValueError: no domain, two of one name, or a query or gallery
            without images.
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
