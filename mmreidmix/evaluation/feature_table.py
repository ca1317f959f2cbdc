"""Features of queries and galleries with what is needed to score them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch

from mmreidmix.camera_profiles import CameraProfiles
from mmreidmix.files import read_arrays, replace_file

from .functional.query_gallery import QueryGallery


@dataclass(frozen=True)
class FeatureTable:
    """One row per image, of one or several domains.

    Attributes:
        features (np.ndarray): (N, D) float32.
        pids (np.ndarray): (N,) int64 identities; -1 marks junk.
        camids (np.ndarray): (N,) int64 cameras inside the domain.
        domain (np.ndarray): (N,) int64 positions in ``domains``.
        is_query (np.ndarray): (N,) bool, query or gallery image.
        img_path (np.ndarray): (N,) str, image files.
        domains (np.ndarray): (M,) str, names of the domains.
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
        names = self.domains.tolist()
        if len(set(names)) < len(names):
            raise ValueError(
                f'every domain needs a name of its own, got {names}')
        unnamed = set(self.domain.tolist()) - set(range(len(names)))
        if unnamed:
            raise ValueError(f'domain {sorted(unnamed)} has no name: domains '
                             f'are {names}')

    @classmethod
    def from_images(cls,
                    features: np.ndarray,
                    labels: np.ndarray,
                    img_path: np.ndarray,
                    metainfo: Optional[Mapping] = None) -> 'FeatureTable':
        """Table of the images of a data set, each embedded once.

        Args:
            features (np.ndarray): (N, D) float32.
            labels (np.ndarray): (N, 4) int64 identity, camera, domain, and
                whether the image is a query.
            img_path (np.ndarray): (N,) str.
            metainfo (Mapping, optional): of the data set: 'domains', their
                names, and, of a :class:`SharedRetrievalDataset`, 'rows'. The
                table then has these rows in place of one per image: each
                holds its 'image', 'pid', 'camid', 'domain' and 'is_query',
                and images that several splits use are repeated.

        Raises:
            ValueError: the rows are made of other images.
        """
        metainfo = metainfo or {}
        rows = metainfo.get('rows')
        if rows is None:
            pids, camids, domain, is_query = labels.T
        else:
            images = np.asarray(rows['image'])
            needed = int(images.max()) + 1
            if len(features) != needed:
                raise ValueError(
                    f'{len(features)} images were embedded, the splits are '
                    f'made of {needed}; all are needed to score them')
            features, img_path = features[images], img_path[images]
            pids, camids, domain, is_query = (
                rows[key] for key in ('pid', 'camid', 'domain', 'is_query'))
        names = metainfo.get('domains')
        if names is None:
            names = [f'domain{i}' for i in range(np.max(domain) + 1)]
        return cls(features, np.asarray(pids, np.int64),
                   np.asarray(camids, np.int64), np.asarray(domain, np.int64),
                   np.asarray(is_query, bool), img_path,
                   np.array([str(name) for name in names]))

    @classmethod
    def load(cls, file: Union[str, Path]) -> 'FeatureTable':
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no archive, broken, or lacks an array.
        """
        if not Path(file).is_file():
            raise FileNotFoundError(
                f'no feature file {file}; write one with the option '
                'save_features of ReIDMetric')
        names = [field.name for field in fields(cls)]
        arrays = read_arrays(file, names)
        missing = sorted(set(names) - set(arrays))
        if missing:
            raise ValueError(
                f'{file} lacks the arrays {missing}; expected {names}, as '
                'ReIDMetric saves them')
        return cls(**arrays)

    def save(self, file: Union[str, Path]) -> None:
        """Write an uncompressed ``.npz`` without pickled objects."""
        replace_file(file, lambda stream: np.savez(stream, **vars(self)))

    def rows_of(self, domain: str) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the queries and of the gallery of one domain.

        Raises:
            ValueError: the domain is unknown, or has no query or no gallery.
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

    def standardised(self,
                     profiles: Optional[Sequence[CameraProfiles]] = None
                     ) -> 'FeatureTable':
        """The table with features standardised per camera.

        Args:
            profiles (Sequence[CameraProfiles], optional): one for each
                domain; None: those of the domain's own images, query and
                gallery, without their labels.
        """
        features = self.features.copy()
        for number in range(len(self.domains)):
            rows = np.flatnonzero(self.domain == number)
            images = features[rows], self.camids[rows]
            own = CameraProfiles.from_embeddings(
                *images) if profiles is None else profiles[number]
            features[rows] = own.apply(*images)
        return replace(self, features=features)

    def query_gallery(self,
                      domain: str,
                      query: Optional[np.ndarray] = None,
                      gallery: Optional[np.ndarray] = None,
                      *,
                      device: str = 'cpu',
                      **options) -> QueryGallery:
        """Query and gallery of one domain, ready to be scored.

        Args:
            domain (str): its name.
            query (np.ndarray, optional): rows; default: :meth:`rows_of`.
            gallery (np.ndarray, optional): likewise.
            device (str): where the features are compared.
            **options: of :meth:`QueryGallery.from_arrays`, which raises
                ValueError for bad features, labels and options.
        """
        rows = self.rows_of(domain)
        query = rows[0] if query is None else query
        gallery = rows[1] if gallery is None else gallery
        return QueryGallery.from_arrays(
            self._features_of(query).to(device),
            self._features_of(gallery).to(device),
            self.pids[query], self.pids[gallery],
            self.camids[query], self.camids[gallery], name=domain, **options)

    def _features_of(self, rows: np.ndarray) -> torch.Tensor:
        """Some rows, without a copy where they follow each other."""
        features = torch.from_numpy(self.features)
        if len(rows) and (np.diff(rows) == 1).all():
            return features[rows[0]:rows[-1] + 1]
        return features[rows]
