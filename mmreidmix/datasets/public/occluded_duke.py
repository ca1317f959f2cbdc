"""Occluded-DukeMTMC (Miao et al., ICCV 2019), a part of a withdrawn set."""

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .dukemtmc_reid import DukeMTMCReID


@DATASETS.register_module()
class OccludedDuke(DukeMTMCReID):
    """Occluded-DukeMTMC: DukeMTMC-reID with occluded people as queries.

    What :class:`DukeMTMCReID` says of its withdrawal holds here as well.

    1,870 images are query and gallery image at once. They never meet in a
    test, because they show one person in one camera; 'all' has them once.
    """

    canonical_name = 'occluded-duke'
    expected = {
        'train': (15618, 702, 8),
        'query': (2210, 519, 8),
        'gallery': (17661, 1110, 8),
        'all': (33619, 1812, 8)
    }
    expected_per_camera = {
        'gallery': DukeMTMCReID.expected_per_camera['gallery']
    }
    tree = '''
  Occluded_Duke/
    bounding_box_train/0001_c2_f0046182.jpg
    query/
    bounding_box_test/
'''
    toy_layout = 'occluded-duke'

    def top_folders(self) -> tuple[str, ...]:
        """The folder that the authors' script writes, or the data root."""
        return ('Occluded_Duke', 'Occluded-DukeMTMC-reID', '.')

    def load_records(self) -> ReIDRecords:
        """Read the folders; in 'all', each image once."""
        records = super().load_records()
        if self.subset != 'all':
            return records
        names = [records.path(i).rpartition('/')[2]
                 for i in range(len(records))]
        first = np.sort(np.unique(names, return_index=True)[1])
        if len(first) < len(names):
            self.log(f'{len(names) - len(first):,} images that are both '
                     'query and gallery are taken once')
        return records.select(first)
