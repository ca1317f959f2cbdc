"""Features of queries and galleries with what is needed to score them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from mmreidmix.evaluation.functional.ranking import RankingResult, rank
from mmreidmix.files import read_arrays, replace_file


@dataclass(frozen=True)
class FeatureTable:
    """One row per image, of one or several domains.

    Attributes:
        features (np.ndarray): shape (N, D), float32.
        pids (np.ndarray): identities, shape (N,), int64; -1 = junk.
        camids (np.ndarray): cameras inside the domain, shape (N,), int64.
        domain (np.ndarray): position in ``domains``, shape (N,), int64.
        is_query (np.ndarray): query or gallery image, shape (N,), bool.
        img_path (np.ndarray): image files, shape (N,), str.
        domains (np.ndarray): names of the domains, shape (M,), str.
    """

    features: np.ndarray
    pids: np.ndarray
    camids: np.ndarray
    domain: np.ndarray
    is_query: np.ndarray
    img_path: np.ndarray
    domains: np.ndarray

    def __post_init__(self):
        for field in fields(self):
            size = len(getattr(self, field.name))
            if field.name != 'domains' and size != len(self.features):
                raise ValueError(
                    f'{field.name} has {size} rows, features has '
                    f'{len(self.features)}')
        if len(set(self.domains.tolist())) < len(self.domains):
            raise ValueError('every domain needs a name of its own, got '
                             f'{self.domains.tolist()}')
        unnamed = set(self.domain.tolist()) - set(range(len(self.domains)))
        if unnamed:
            raise ValueError(f'domain {sorted(unnamed)} has no name: domains '
                             f'are {self.domains.tolist()}')

    @classmethod
    def load(cls, file) -> 'FeatureTable':
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no archive, broken, or lacks an array.
        """
        file = Path(file)
        if not file.is_file():
            raise FileNotFoundError(
                f'no feature file {file}; write one with the option '
                'save_features of ReIDMetric')
        names = [field.name for field in fields(cls)]
        found = read_arrays(file, names)
        missing = sorted(set(names) - set(found))
        if missing:
            raise ValueError(
                f'{file} lacks the arrays {missing}; expected {names}, as '
                'ReIDMetric saves them')
        return cls(**found)

    def save(self, file):
        """Write an uncompressed ``.npz`` without pickled objects."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        replace_file(file, lambda stream: np.savez(stream, **arrays))

    def sides(self, domain: str):
        """Row numbers of the queries and of the gallery of one domain.

        Raises:
            ValueError: the domain is unknown, or one side is empty.
        """
        names = self.domains.tolist()
        if domain not in names:
            raise ValueError(f'no domain {domain!r}; there are {names}')
        inside = self.domain == names.index(domain)
        query = np.flatnonzero(inside & self.is_query)
        gallery = np.flatnonzero(inside & ~self.is_query)
        if not len(query) or not len(gallery):
            raise ValueError(f'domain {domain} has {len(query)} query and '
                             f'{len(gallery)} gallery images: both are needed')
        return query, gallery

    def compare(self, function, query, gallery, device='cpu', **options):
        """Call ``rank`` or ``top_matches`` on rows of the table.

        Args:
            function (Callable): one of :mod:`mmreidmix.evaluation` that takes
                features, identities and cameras of two sides.
            query (np.ndarray): rows.
            gallery (np.ndarray): rows.
            device (str): where the features are compared.
            **options: of the function.
        """
        features = torch.from_numpy(self.features)
        return function(_take(features, query).to(device),
                        _take(features, gallery).to(device),
                        self.pids[query], self.pids[gallery],
                        self.camids[query], self.camids[gallery], **options)

    def rank(self, domain: str, **options) -> RankingResult:
        """Score one domain; options as in :func:`ranking.rank`."""
        return self.compare(
            rank, *self.sides(domain), name=domain, **options)


def _take(features: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    """Some rows, without a copy where they follow each other."""
    if len(rows) and (np.diff(rows) == 1).all():
        return features[rows[0]:rows[-1] + 1]
    return features[rows]


def expand_rows(table: FeatureTable, rows: Mapping) -> FeatureTable:
    """Turn one row per image into one row per use of an image.

    Args:
        table (FeatureTable): all images, in order.
        rows (Mapping[str, np.ndarray]): 'image' (row of the table), 'pid',
            'camid', 'domain' and 'is_query' of each new row, as
            :class:`SharedRetrievalDataset` gives them in its metainfo.

    Returns:
        FeatureTable: with copies of features that are used several times.

    Raises:
        ValueError: if the table does not hold all images.
    """
    images = np.asarray(rows['image'])
    needed = int(images.max()) + 1
    if len(table.features) != needed:
        raise ValueError(
            f'{len(table.features)} images were embedded, the splits are '
            f'made of {needed}; all are needed to score them')
    return FeatureTable(
        table.features[images],
        np.asarray(rows['pid'], np.int64),
        np.asarray(rows['camid'], np.int64),
        np.asarray(rows['domain'], np.int64),
        np.asarray(rows['is_query'], bool),
        table.img_path[images],
        table.domains)
