"""From features to pseudo labels in one call."""
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from .clustering import dbscan
from .jaccard import jaccard_graph, k_reciprocal_encoding
from .neighbours import knn, normalise
from .reliability import CRITERIA, select_reliable


@dataclass
class PseudoLabelResult:
    """Pseudo labels of N images and how they came about.

    Attributes:
        labels (np.ndarray): (N,) int64, -1 = not to be trained on, clusters
            0..K-1 numbered by first member.
        clusters (np.ndarray): (N,) int64, DBSCAN at eps, before selection.
        tight (np.ndarray, optional): (N,) the same at eps - eps_gap.
        loose (np.ndarray, optional): (N,) the same at eps + eps_gap.
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


@contextmanager
def _timed(seconds, name):
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin


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
        backend (str): Neighbour search, 'torch' or 'faiss'.
        block (int, optional): Rows of the search at a time.
        threads (int, optional): Default ``torch.get_num_threads()``. Neither
            of the last three changes the labels.
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
    block: Optional[int] = None
    threads: Optional[int] = None
    max_pairs: Optional[int] = None

    def __post_init__(self):
        for name, least in (('k1', 1), ('k2', 1), ('min_samples', 1),
                            ('min_size', 2), ('block', 1), ('threads', 1),
                            ('max_pairs', 1)):
            value = getattr(self, name)
            if value is None and name in ('block', 'threads', 'max_pairs'):
                continue
            if int(value) != value or value < least:
                raise ValueError(f'{name}={value}: expected an integer of at '
                                 f'least {least}')
        if not 0 < self.eps < 1:
            raise ValueError(f'eps={self.eps}: expected a number in (0, 1)')
        room = min(self.eps, 1 - self.eps)
        if self.criteria is not None and not 0 <= self.eps_gap < room:
            raise ValueError(f'eps_gap={self.eps_gap}: expected a number in '
                             f'[0, {room:g}) at eps={self.eps}')
        if not 0 <= self.indep_quantile <= 1:
            raise ValueError(f'indep_quantile={self.indep_quantile}: expected '
                             'a number in [0, 1]')
        if self.backend not in ('torch', 'faiss'):
            raise ValueError(f'backend={self.backend!r}: expected '
                             "'torch' or 'faiss'")
        if isinstance(self.criteria, str) or set(self.criteria or
                                                 ()) - set(CRITERIA):
            raise ValueError(f'criteria={self.criteria!r}: expected None or '
                             f'some of {list(CRITERIA)}')

    def __call__(self, features, alpha=None):
        """Label images by their features.

        Args:
            features (np.ndarray | torch.Tensor): (N, D), of any length; they
                are normalised here.
            alpha (float, optional): Independence threshold of an earlier
                call; computed from this clustering where None.

        Returns:
            PseudoLabelResult: See there.

        Raises:
            ValueError: If a vector is zero or not finite (named by index) or
                the features have collapsed, see :func:`jaccard_graph`.
        """
        seconds = {}
        reliable = self.criteria is not None
        with _timed(seconds, 'neighbours'):
            features = normalise(features)
            indices, sims = knn(
                features, max(self.k1, self.k2), block=self.block,
                backend=self.backend, threads=self.threads)
        with _timed(seconds, 'encoding'):
            encoding = k_reciprocal_encoding(
                indices, sims, features.cpu().numpy(), self.k1, self.k2,
                threads=self.threads)
        loose_eps = self.eps + self.eps_gap if reliable else self.eps
        with _timed(seconds, 'jaccard'):
            graph = jaccard_graph(
                encoding, loose_eps, max_pairs=self.max_pairs,
                threads=self.threads)
        with _timed(seconds, 'clustering'):
            clusters = dbscan(graph, self.eps, self.min_samples)
            if not reliable:
                return PseudoLabelResult(clusters, clusters, seconds=seconds)
            tight = dbscan(graph, self.eps - self.eps_gap, self.min_samples)
            loose = dbscan(graph, loose_eps, self.min_samples)
        with _timed(seconds, 'reliability'):
            labels, alpha = select_reliable(
                clusters, tight, loose, alpha, self.indep_quantile,
                self.min_size, self.criteria)
        return PseudoLabelResult(labels, clusters, tight, loose, alpha,
                                 seconds)
