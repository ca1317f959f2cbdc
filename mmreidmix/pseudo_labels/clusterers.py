"""From features to pseudo labels in one call."""
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from mmreidmix.neighbours.expansion import expand_neighbours
from mmreidmix.neighbours.k_reciprocal import k_reciprocal_encoding
from mmreidmix.neighbours.knn_search import (
    BACKENDS,
    EXACT_BACKENDS,
    knn,
    normalise,
)
from mmreidmix.timing import timed

from .dbscan import dbscan, drop_small
from .finch import finch
from .jaccard import jaccard_graph
from .kmeans import kmeans
from .reliability import CRITERIA, select_reliable


@dataclass
class PseudoLabelResult:
    """Pseudo labels of N images and how they came about.

    Attributes:
        labels (np.ndarray): (N,) int64, -1 = not to be trained on, clusters
            0..K-1 numbered by first member.
        clusters (np.ndarray): (N,) int64, before selection.
        tight (np.ndarray, optional): (N,) DBSCAN at eps - eps_gap.
        loose (np.ndarray, optional): (N,) DBSCAN at eps + eps_gap.
        alpha (float, optional): Independence threshold as used; give it to
            the next call to keep it.
        seconds (dict[str, float]): Wall clock per stage.
    """
    labels: np.ndarray
    clusters: np.ndarray
    tight: Optional[np.ndarray] = None
    loose: Optional[np.ndarray] = None
    alpha: Optional[float] = None
    seconds: dict = field(default_factory=dict)


def _check_least(options, **least):
    """Refuse options that are not integers of at least ...; None passes."""
    for name, bound in least.items():
        value = getattr(options, name)
        if value is not None and (int(value) != value or value < bound):
            raise ValueError(f'{name}={value}: expected an integer of at '
                             f'least {bound}')


def _check_search(options):
    _check_least(options, block=1, threads=1)
    if options.backend not in BACKENDS:
        raise ValueError(f'backend={options.backend!r}: expected one of '
                         f'{list(BACKENDS)}')
    if options.backend_options and options.backend in EXACT_BACKENDS:
        raise ValueError(f'backend_options={options.backend_options}: '
                         f'backend {options.backend!r} has none')


@dataclass
class JaccardDBSCAN:
    """DBSCAN on k-reciprocal Jaccard distances, then reliable clusters.

    The defaults are those of DomainMix (arXiv 2011.11953).

    Args:
        k1 (int): Neighbour list length of the encoding, at least 1.
        k2 (int): Neighbours of its query expansion, at least 1 (= none).
        eps (float): DBSCAN radius, in (0, 1).
        eps_gap (float): Distance of the tight and loose radius from eps.
        min_samples (int): DBSCAN density, the image itself included.
        criteria (Sequence[str], optional): Reliability criteria that apply,
            of 'independence', 'compactness', 'quantity'. None = the labels of
            DBSCAN as they are.
        min_size (int): Least images of a cluster ('quantity').
        indep_quantile (float): Quantile of the independence threshold.
        backend (str): Neighbour search, one of ``knn_search.BACKENDS``.
        backend_options (dict, optional): Settings of an approximate backend,
            see :func:`neighbours.knn`.
        expansion (int, optional): Rounds of :func:`expand_neighbours` after
            the search; default 2 after an approximate search, 0 else.
        block (int, optional): Rows of the search at a time.
        threads (int, optional): Default ``torch.get_num_threads()``. Neither
            block nor threads nor the choice of an exact backend changes the
            labels.
        max_pairs (int, optional): Bound of :func:`jaccard_graph` that stops
            collapsed features.

    Raises:
        ValueError: If a parameter is out of its range.
    """
    k1: int = 30
    k2: int = 6
    eps: float = 0.6
    eps_gap: float = 0.02
    min_samples: int = 4
    criteria: Optional[tuple] = CRITERIA
    min_size: int = 5
    indep_quantile: float = 0.9
    backend: str = 'torch'
    backend_options: Optional[dict] = None
    expansion: Optional[int] = None
    block: Optional[int] = None
    threads: Optional[int] = None
    max_pairs: Optional[int] = None

    def __post_init__(self):
        for name in ('k1', 'k2', 'min_samples', 'min_size'):
            if getattr(self, name) is None:
                raise ValueError(f'{name}=None: expected an integer')
        _check_least(self, k1=1, k2=1, min_samples=1, min_size=2, max_pairs=1,
                     expansion=0)
        _check_search(self)
        if self.expansion is None:
            self.expansion = 0 if self.backend in EXACT_BACKENDS else 2
        if not 0 < self.eps < 1:
            raise ValueError(f'eps={self.eps}: expected a number in (0, 1)')
        room = min(self.eps, 1 - self.eps)
        if self.criteria is not None and not 0 <= self.eps_gap < room:
            raise ValueError(f'eps_gap={self.eps_gap}: expected a number in '
                             f'[0, {room:g}) at eps={self.eps}')
        if not 0 <= self.indep_quantile <= 1:
            raise ValueError(f'indep_quantile={self.indep_quantile}: expected '
                             'a number in [0, 1]')
        if isinstance(self.criteria, str) or set(self.criteria or
                                                 ()) - set(CRITERIA):
            raise ValueError(f'criteria={self.criteria!r}: expected None or '
                             f'some of {list(CRITERIA)}')

    def __call__(self, features, alpha=None):
        """Label images by their features.

        Args:
            features (np.ndarray | torch.Tensor): (N, D), of any length; they
                are normalised here. Where a copy is too much (a memory map),
                call :meth:`search` and :meth:`cluster` with unit vectors.
            alpha (float, optional): Independence threshold of an earlier
                call; computed from this clustering where None.

        Returns:
            PseudoLabelResult: See there.

        Raises:
            ValueError: If a vector is zero or not finite (named by index) or
                the features have collapsed, see :func:`jaccard_graph`.
        """
        return _search_and_cluster(self, features, alpha)

    def search(self, features, rows=None):
        """Neighbour lists of some images, by which processes share the work.

        Args:
            features (np.ndarray | torch.Tensor): (N, D) of length 1.
            rows (tuple[int, int], optional): First and last (exclusive).

        Returns:
            tuple[np.ndarray, np.ndarray]: See :func:`neighbours.knn`.
        """
        return _search(self, features, max(self.k1, self.k2), rows)

    def cluster(self, features, indices, sims, alpha=None):
        """Everything after the neighbours; arguments as they are named above.

        Args:
            features (np.ndarray): (N, D) float32 or float16, of length 1.
            indices (np.ndarray): (N, k) of :meth:`search`.
            sims (np.ndarray): (N, k) of :meth:`search`.
            alpha (float, optional): As in :meth:`__call__`.

        Returns:
            PseudoLabelResult: Without the seconds of the search.
        """
        seconds = {}
        if self.expansion:
            with timed(seconds, 'expansion'):
                indices, sims = expand_neighbours(
                    features, indices, sims, rounds=self.expansion,
                    threads=self.threads)
        with timed(seconds, 'encoding'):
            encoding = k_reciprocal_encoding(
                indices, sims, features, self.k1, self.k2,
                threads=self.threads)
        reliable = self.criteria is not None
        loose_eps = self.eps + self.eps_gap if reliable else self.eps
        with timed(seconds, 'jaccard'):
            graph = jaccard_graph(
                encoding, loose_eps, max_pairs=self.max_pairs,
                threads=self.threads)
        with timed(seconds, 'clustering'):
            clusters = dbscan(graph, self.eps, self.min_samples)
            if not reliable:
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
class FINCH:
    """First-neighbour clusters, see :func:`finch`; no distance to choose.

    Args:
        level (int): Partition, 0 = finest, -1 = coarsest.
        num_clusters (int, optional): Wanted number of clusters instead.
        min_size (int): Smaller clusters become noise; 1 = none does.
        backend (str): Neighbour search, one of ``knn_search.BACKENDS``.
        backend_options (dict, optional): Settings of an approximate backend.
        block (int, optional): Rows of the search at a time.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Raises:
        ValueError: If an option is out of its range.
    """
    level: int = 1
    num_clusters: Optional[int] = None
    min_size: int = 2
    backend: str = 'torch'
    backend_options: Optional[dict] = None
    block: Optional[int] = None
    threads: Optional[int] = None

    def __post_init__(self):
        if int(self.level) != self.level:
            raise ValueError(f'level={self.level}: expected an integer')
        _check_least(self, num_clusters=1, min_size=1)
        _check_search(self)

    def __call__(self, features, alpha=None):
        """Label images, as :meth:`JaccardDBSCAN.__call__`; alpha is unused."""
        return _search_and_cluster(self, features, alpha)

    def search(self, features, rows=None):
        """As :meth:`JaccardDBSCAN.search`, two neighbours."""
        return _search(self, features, 2, rows)

    def cluster(self, features, indices, sims, alpha=None):
        """As :meth:`JaccardDBSCAN.cluster`; sims and alpha are unused."""
        seconds = {}
        with timed(seconds, 'clustering'):
            clusters = finch(
                features, level=self.level, num_clusters=self.num_clusters,
                indices=indices, **_search_options(self))
            labels = drop_small(clusters, self.min_size)
        return PseudoLabelResult(labels, clusters, seconds=seconds)


@dataclass
class KMeans:
    """A known number of clusters, see :func:`kmeans`.

    Args:
        num_clusters (int): How many; no more than images.
        min_size (int): Smaller clusters become noise; 1 = none does.
        iterations (int): Steps of Lloyd's algorithm.
        restarts (int): Runs from different starts.
        seed (int): Same seed, same labels.

    Raises:
        ValueError: If an option is out of its range.
    """
    num_clusters: int
    min_size: int = 2
    iterations: int = 20
    restarts: int = 1
    seed: int = 0

    def __post_init__(self):
        _check_least(self, num_clusters=1, min_size=1, iterations=1,
                     restarts=1, seed=0)

    def __call__(self, features, alpha=None):
        """Label images, as :meth:`JaccardDBSCAN.__call__`; alpha is unused."""
        seconds = {}
        with timed(seconds, 'clustering'):
            clusters = kmeans(
                normalise(features).cpu().numpy(), self.num_clusters,
                iterations=self.iterations, restarts=self.restarts,
                seed=self.seed)
            labels = drop_small(clusters, self.min_size)
        return PseudoLabelResult(labels, clusters, seconds=seconds)


def _search_options(options):
    return {'block': options.block, 'backend': options.backend,
            'threads': options.threads, 'options': options.backend_options}


def _search(options, features, k, rows):
    return knn(features, k, rows=rows, **_search_options(options))


def _search_and_cluster(clusterer, features, alpha):
    seconds = {}
    with timed(seconds, 'neighbours'):
        features = normalise(features)
        indices, sims = clusterer.search(features)
    result = clusterer.cluster(features.cpu().numpy(), indices, sims, alpha)
    result.seconds = {**seconds, **result.seconds}
    return result
