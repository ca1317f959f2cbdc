"""Query and gallery made of identities that training leaves out."""

from collections.abc import Sequence
from typing import Optional

import numpy as np

from mmreidmix.registry import DATASETS

from .query_choice import choose_queries, seen_by_two
from .records import ReIDRecords
from .reid_dataset import BaseReIDDataset


@DATASETS.register_module(name=['SourceValidationSet', 'HeldOutSource'])
class SourceValidationSet(BaseReIDDataset):
    """A part of a labelled training set as a domain to validate on.

    For choosing a checkpoint without a look at a target: the training domain
    keeps e.g. the first 80 % of the sorted identities (``pid_range=(0, 833)``)
    and this one takes the rest (``pid_range=(833, 1041)``).

    Queries are the first image of each (identity, camera) that has a second
    one; an identity without such a camera gives its first image. All other
    images are the gallery. Identities of a single camera are left out and
    counted in the log.

    Args:
        dataset (dict): config of the training domain, with ``pid_range`` and
            without ``subset`` and ``pipeline``.
        subset (str): 'query' or 'gallery'.
        pipeline (Sequence): transforms.
        name (str, optional): default: the name of the set with '-val'.

    Raises:
        ValueError: ``pid_range`` is missing, the subset is another one, or no
            identity is seen by two cameras.
    """

    subsets = ('query', 'gallery')
    #: what results say of the split
    split = 'held out of train'

    def __init__(self,
                 dataset: dict,
                 subset: str = 'query',
                 pipeline: Sequence[dict] = (),
                 name: Optional[str] = None):
        if not dataset.get('pid_range'):
            raise ValueError(
                f'{type(self).__name__}: `dataset` needs `pid_range`, the '
                'identities that training leaves out; it has '
                f'{sorted(dataset)}')
        self.source = DATASETS.build(dict(dataset, subset='train'))
        self.camera_names = self.source.camera_names
        self.canonical_name = f'{self.source.name}-val'
        super().__init__(self.source.data_root, subset, pipeline, name)
        # what results say of the set that this is a part of
        self.counts_ok = self.source.counts_ok
        if hasattr(self.source, 'boxes'):
            self.boxes = self.source.boxes

    def load_records(self) -> ReIDRecords:
        """Split the images of identities that two cameras see."""
        records = self.source.records
        people = seen_by_two(records.pids, records.camids)
        if not len(people):
            known = np.unique(records.pids[records.pids >= 0])
            raise ValueError(f'{self.name}: none of the {len(known):,} '
                             'held-out identities is seen by two cameras; '
                             'take another `pid_range`')
        in_two_cameras = np.isin(records.pids, people)
        query = choose_queries(records.pids, records.camids)
        self.log(f'{len(records) - in_two_cameras.sum():,} images of '
                 'identities that one camera sees are left out')
        wanted = query if self.subset == 'query' else ~query
        return records.select(in_two_cameras & wanted)
