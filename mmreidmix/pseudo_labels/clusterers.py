"""From features to pseudo labels in one call."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import numpy as np
import torch
from scipy import sparse

from mmreidmix.checks import check_between, check_choice, check_count
from mmreidmix.choices import BACKENDS, EXACT_BACKENDS
from mmreidmix.neighbours import (
    expand_neighbours,
    k_reciprocal_encoding,
    knn,
    normalise_rows,
)
from mmreidmix.neighbours.camera_aware import (
    average_by_camera,
    checked_k2_intra,
    encode_by_camera,
    knn_by_camera,
)
from mmreidmix.neighbours.knn_search import Features
from mmreidmix.neighbours.similarity import NeighbourLists
from mmreidmix.timing import timed

from .dbscan import dbscan, drop_small
from .finch import finch
from .jaccard import jaccard_graph
from .kmeans import kmeans
from .reliability import CRITERIA, check_criteria, select_reliable


@dataclass
class PseudoLabelResult:
    """Pseudo labels of N images and how they came about.

    Attributes:
        labels (np.ndarray): (N,) int64, -1 = not to be trained on, clusters
            0..K-1 numbered by first member.
        clusters (np.ndarray): (N,) int64, before selection.
        tight (np.ndarray, optional): (N,) DBSCAN at eps - eps_gap.
        loose (np.ndarray, optional): (N,) DBSCAN at eps + eps_gap.
        alpha (float, optional): independence threshold as used; give it to
            the next call to keep it.
        seconds (dict[str, float]): wall clock per stage.
    """

    labels: np.ndarray
    clusters: np.ndarray
    tight: Optional[np.ndarray] = None
    loose: Optional[np.ndarray] = None
    alpha: Optional[float] = None
    seconds: dict = field(default_factory=dict)


def _check_given(owner: object, least: int, *names: str) -> None:
    """Check counts that may be None."""
    given = {name: getattr(owner, name) for name in names}
    check_count(owner, least, **{
        name: value for name, value in given.items() if value is not None})


class _NeighbourClusterer(ABC):
    """Clusters by neighbour lists: a search, then ``cluster``."""

    cluster: Callable[..., PseudoLabelResult]
    backend: str
    backend_options: Optional[dict]
    block: Optional[int]
    threads: Optional[int]

    @property
    def uses_cameras(self) -> bool:
        """Whether calls and searches need the cameras of the images."""
        return False

    def _check_search(self) -> None:
        _check_given(self, 1, 'block', 'threads')
        check_choice(self, BACKENDS, backend=self.backend)
        if self.backend_options and self.backend in EXACT_BACKENDS:
            raise ValueError(f'backend_options={self.backend_options}: '
                             f'backend {self.backend!r} has none')

    def _search_options(self) -> dict[str, Any]:
        return {'block': self.block, 'backend': self.backend,
                'threads': self.threads, 'options': self.backend_options}

    def __call__(self, features: Features, alpha: Optional[float] = None,
                 cameras: Optional[np.ndarray] = None) -> PseudoLabelResult:
        """Label images by their features.

        Args:
            features (np.ndarray | Tensor): (N, D), of any length; they are
                normalised here. Where a copy is too much (a memory map), call
                ``search`` and ``cluster`` with unit vectors.
            alpha (float, optional): independence threshold of an earlier
                call; computed from this clustering where None.
            cameras (np.ndarray, optional): (N,) integers, where
                :attr:`uses_cameras`.

        Raises:
            ValueError: a vector is zero or not finite (named by index) or the
                features have collapsed, see :func:`jaccard_graph`.
        """
        seconds: dict[str, float] = {}
        with timed(seconds, 'neighbours'):
            unit = normalise_rows(features)
            indices, sims = self.search(unit, cameras=cameras)
        result = self.cluster(unit.cpu().numpy(), indices, sims, alpha)
        result.seconds = {**seconds, **result.seconds}
        return result

    def search(self, features: Features,
               rows: Optional[tuple[int, int]] = None,
               cameras: Optional[np.ndarray] = None) -> NeighbourLists:
        """Neighbour lists of some images, by which processes share the work.

        Args:
            features (np.ndarray | Tensor): (N, D) of length 1.
            rows (tuple[int, int], optional): first and last (exclusive).
            cameras (np.ndarray, optional): (N,) integers, where
                :attr:`uses_cameras`.

        Returns:
            tuple[np.ndarray, np.ndarray]: see :func:`neighbours.knn`.
        """
        return knn(features, self._list_length(), rows=rows,
                   **self._search_options())

    @abstractmethod
    def _list_length(self) -> int:
        """Length of the neighbour lists."""


@dataclass
class JaccardDBSCAN(_NeighbourClusterer):
    """DBSCAN on k-reciprocal Jaccard distances, then reliable clusters.

    The defaults are those of DomainMix (arXiv 2011.11953).

    Args:
        k1 (int): neighbour list length of the encoding, at least 1.
        k2 (int): neighbours of its query expansion, at least 1 (= none).
        k1_intra (int, optional): the lists hold so many images of the same
            camera beside k1 of others, so that clusters hold fewer images
            because of their camera (CA-Jaccard, see
            :mod:`mmreidmix.neighbours.camera_aware`; 5 there). The search
            then compares all pairs in float32. None: cameras are not told
            apart.
        k2_intra (int, optional): with ``k1_intra``, images of the same camera
            in the query expansion, beside k2 - 1 of others and the image
            itself. Default 2, or k1_intra if that is less.
        eps (float): DBSCAN radius, in (0, 1).
        eps_gap (float): distance of the tight and loose radius from eps.
        min_samples (int): DBSCAN density, the image itself included.
        criteria (Sequence[str], optional): reliability criteria that apply,
            of 'independence', 'compactness', 'quantity'. None = the labels of
            DBSCAN as they are.
        min_size (int): least images of a cluster ('quantity').
        indep_quantile (float): quantile of the independence threshold.
        backend (str): neighbour search, one of ``choices.BACKENDS``.
        backend_options (dict, optional): settings of an approximate backend,
            see :func:`neighbours.knn`.
        expansion (int, optional): rounds of :func:`expand_neighbours` after
            the search; default 2 after an approximate search, 0 else.
        block (int, optional): rows of the search at a time.
        threads (int, optional): default ``torch.get_num_threads()``. Neither
            block nor threads nor the choice of an exact backend changes the
            labels.
        max_pairs (int, optional): bound of :func:`jaccard_graph` that stops
            collapsed features.

    Raises:
        ValueError: a parameter is out of its range.
    """

    k1: int = 30
    k2: int = 6
    k1_intra: Optional[int] = None
    k2_intra: Optional[int] = None
    eps: float = 0.6
    eps_gap: float = 0.02
    min_samples: int = 4
    criteria: Optional[Sequence[str]] = CRITERIA
    min_size: int = 5
    indep_quantile: float = 0.9
    backend: str = 'torch'
    backend_options: Optional[dict] = None
    expansion: Optional[int] = None
    block: Optional[int] = None
    threads: Optional[int] = None
    max_pairs: Optional[int] = None

    def __post_init__(self) -> None:
        check_count(self, 1, k1=self.k1, k2=self.k2,
                    min_samples=self.min_samples)
        check_count(self, 2, min_size=self.min_size)
        _check_given(self, 1, 'max_pairs')
        _check_given(self, 0, 'expansion')
        self._check_search()
        k2_intra = checked_k2_intra(
            'JaccardDBSCAN', self.k1_intra, self.k2_intra)
        if self.k1_intra is not None:
            self.k2_intra = k2_intra
            self._check_camera_search()
        if self.expansion is None:
            self.expansion = 0 if self.backend in EXACT_BACKENDS else 2
        if not 0 < self.eps < 1:
            raise ValueError(f'eps={self.eps}: expected a number in (0, 1)')
        bound = min(self.eps, 1 - self.eps)
        if self.criteria is not None and not 0 <= self.eps_gap < bound:
            raise ValueError(f'eps_gap={self.eps_gap}: expected a number in '
                             f'[0, {bound:g}) at eps={self.eps}')
        check_between(self, 0, 1, indep_quantile=self.indep_quantile)
        if self.criteria is not None:
            check_criteria(type(self).__name__, self.criteria)

    def _check_camera_search(self) -> None:
        if self.backend != 'torch' or self.expansion:
            raise ValueError(
                "JaccardDBSCAN: k1_intra searches with backend='torch' and "
                f'without expansion, got backend={self.backend!r}, '
                f'expansion={self.expansion}; leave them or k1_intra out')

    @property
    def uses_cameras(self) -> bool:
        """Whether calls and searches need the cameras of the images."""
        return self.k1_intra is not None

    def _list_length(self) -> int:
        return max(self.k1, self.k2)

    def search(self, features: Features,
               rows: Optional[tuple[int, int]] = None,
               cameras: Optional[np.ndarray] = None) -> NeighbourLists:
        """See the base class; with ``k1_intra`` lists of both kinds."""
        if self.k1_intra is None:
            return super().search(features, rows)
        if cameras is None:
            raise ValueError('JaccardDBSCAN with k1_intra needs the cameras '
                             'of the images; leave k1_intra out')
        indices, sims, _ = knn_by_camera(
            torch.as_tensor(features), cameras, self.k1_intra,
            max(self.k1, self.k2 - 1), rows, self.threads)
        return indices, sims

    def _encoding(self, features: np.ndarray, indices: np.ndarray,
                  sims: np.ndarray) -> sparse.csr_matrix:
        if self.k1_intra is None:
            return k_reciprocal_encoding(
                indices, sims, features, self.k1, self.k2,
                threads=self.threads)
        encoding = average_by_camera(
            encode_by_camera(
                (indices, sims), features, k1=self.k1,
                k1_intra=self.k1_intra, threads=self.threads),
            indices, k2=self.k2, k2_intra=self.k2_intra or 0,
            k1_intra=self.k1_intra, threads=self.threads)
        encoding.sort_indices()
        return encoding

    def cluster(self, features: np.ndarray, indices: np.ndarray,
                sims: np.ndarray,
                alpha: Optional[float] = None) -> PseudoLabelResult:
        """Everything after the neighbours.

        Args:
            features (np.ndarray): (N, D) float32 or float16, of length 1.
            indices (np.ndarray): (N, k) of :meth:`search`.
            sims (np.ndarray): (N, k) of :meth:`search`.
            alpha (float, optional): as in a call.

        Returns:
            PseudoLabelResult: without the seconds of the search.
        """
        seconds: dict[str, float] = {}
        if self.expansion:
            with timed(seconds, 'expansion'):
                indices, sims = expand_neighbours(
                    features, indices, sims, rounds=self.expansion,
                    threads=self.threads)
        with timed(seconds, 'encoding'):
            encoding = self._encoding(features, indices, sims)
        loose_eps = self.eps + (0 if self.criteria is None else self.eps_gap)
        with timed(seconds, 'jaccard'):
            graph = jaccard_graph(
                encoding, loose_eps, max_pairs=self.max_pairs,
                threads=self.threads)
        with timed(seconds, 'clustering'):
            clusters = dbscan(graph, self.eps, self.min_samples)
            if self.criteria is None:
                return PseudoLabelResult(clusters, clusters, seconds=seconds)
            tight = dbscan(graph, self.eps - self.eps_gap, self.min_samples)
            loose = dbscan(graph, loose_eps, self.min_samples)
        with timed(seconds, 'reliability'):
            labels, alpha = select_reliable(
                clusters, tight, loose, alpha, self.indep_quantile,
                self.min_size, self.criteria)
        return PseudoLabelResult(labels, clusters, tight, loose, alpha,
                                 seconds)


@dataclass
class FINCH(_NeighbourClusterer):
    """First-neighbour clusters, see :func:`finch`; no distance to choose.

    Args:
        level (int): partition, 0 = finest, -1 = coarsest.
        num_clusters (int, optional): wanted number of clusters instead.
        min_size (int): smaller clusters become noise; 1 = none does.
        backend, backend_options, block, threads: as of
            :class:`JaccardDBSCAN`.

    Raises:
        ValueError: an option is out of its range.
    """

    level: int = 1
    num_clusters: Optional[int] = None
    min_size: int = 2
    backend: str = 'torch'
    backend_options: Optional[dict] = None
    block: Optional[int] = None
    threads: Optional[int] = None

    def __post_init__(self) -> None:
        if int(self.level) != self.level:
            raise ValueError(f'level={self.level}: expected an integer')
        _check_given(self, 1, 'num_clusters')
        check_count(self, 1, min_size=self.min_size)
        self._check_search()

    def _list_length(self) -> int:
        return 2

    def cluster(self, features: np.ndarray, indices: np.ndarray,
                sims: np.ndarray,
                alpha: Optional[float] = None) -> PseudoLabelResult:
        """As :meth:`JaccardDBSCAN.cluster`; sims and alpha are unused."""
        seconds: dict[str, float] = {}
        with timed(seconds, 'clustering'):
            clusters = finch(
                features, level=self.level, num_clusters=self.num_clusters,
                indices=indices, **self._search_options())
            labels = drop_small(clusters, self.min_size)
        return PseudoLabelResult(labels, clusters, seconds=seconds)


@dataclass
class KMeans:
    """A known number of clusters, see :func:`kmeans`.

    Args:
        num_clusters (int): how many; no more than images.
        min_size (int): smaller clusters become noise; 1 = none does.
        iterations (int): steps of Lloyd's algorithm.
        restarts (int): runs from different starts.
        seed (int): same seed, same labels.

    Raises:
        ValueError: an option is out of its range.
    """

    num_clusters: int
    min_size: int = 2
    iterations: int = 20
    restarts: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        check_count(self, 1, num_clusters=self.num_clusters,
                    min_size=self.min_size, iterations=self.iterations,
                    restarts=self.restarts)
        check_count(self, 0, seed=self.seed)

    def __call__(self, features: Features,
                 alpha: Optional[float] = None) -> PseudoLabelResult:
        """Label images, as :class:`JaccardDBSCAN` does; alpha is unused."""
        seconds: dict[str, float] = {}
        with timed(seconds, 'clustering'):
            clusters = kmeans(
                normalise_rows(features).cpu().numpy(), self.num_clusters,
                iterations=self.iterations, restarts=self.restarts,
                seed=self.seed)
            labels = drop_small(clusters, self.min_size)
        return PseudoLabelResult(labels, clusters, seconds=seconds)
