"""From features that are spread over processes to pseudo labels."""

from typing import Optional

import numpy as np

from mmreidmix.choices import EXACT_BACKENDS
from mmreidmix.distributed.shares import Shares
from mmreidmix.neighbours import normalise_rows
from mmreidmix.neighbours.similarity import NeighbourLists
from mmreidmix.pseudo_labels import JaccardDBSCAN, PseudoLabelResult
from mmreidmix.pseudo_labels.reliability import select_reliable
from mmreidmix.timing import timed

from .approximate_search import search_lists_together
from .dbscan import dbscan_together
from .encoding import encode_together
from .exact_search import search_together
from .expansion import expand_together
from .jaccard import jaccard_graph_together


def label_together(clusterer: JaccardDBSCAN, features: np.ndarray,
                   alpha: Optional[float] = None) -> PseudoLabelResult:
    """Label the images of all processes, each of which holds some features.

    Every process must call it. The labels are those of ``clusterer`` called
    with the features of all processes, one after the other.

    Args:
        clusterer (JaccardDBSCAN): with an exact backend or 'ivf', and
            without ``k1_intra``.
        features (np.ndarray): (n, D) own rows, normalised here.
        alpha (float, optional): independence threshold of an earlier call.

    Returns:
        PseudoLabelResult: of all images, in every process; ``seconds`` of
        this one.

    Raises:
        ValueError: the clusterer can not be shared, or a vector is zero or
            not finite.
        CollapsedFeaturesError: the features have collapsed, see
            :func:`~mmreidmix.pseudo_labels.jaccard_graph`.
    """
    check_shareable(clusterer)
    shares = Shares(len(features))
    seconds: dict[str, float] = {}
    threads = clusterer.threads
    length = min(max(clusterer.k1, clusterer.k2), len(shares))
    with timed(seconds, 'neighbours'):
        unit = normalise_rows(features).numpy()
        lists = _search(clusterer, unit, length, shares)
        if clusterer.expansion:
            lists = expand_together(
                lists, unit, clusterer.expansion, shares, threads)
    with timed(seconds, 'encoding'):
        encoding = encode_together(
            lists, unit, clusterer.k1, clusterer.k2, shares, threads)
    gap = 0 if clusterer.criteria is None else clusterer.eps_gap
    with timed(seconds, 'jaccard'):
        graph = jaccard_graph_together(
            encoding, clusterer.eps + gap, shares, clusterer.max_pairs,
            threads)
    with timed(seconds, 'clustering'):
        clusters, tight, loose = (
            dbscan_together(graph, eps, clusterer.min_samples, shares)
            for eps in (clusterer.eps, clusterer.eps - gap,
                        clusterer.eps + gap))
    if clusterer.criteria is None:
        return PseudoLabelResult(clusters, clusters, seconds=seconds)
    with timed(seconds, 'reliability'):
        labels, alpha = select_reliable(
            clusters, tight, loose, alpha, clusterer.indep_quantile,
            clusterer.min_size, clusterer.criteria)
    return PseudoLabelResult(labels, clusters, tight, loose, alpha, seconds)


def _search(clusterer: JaccardDBSCAN, unit: np.ndarray, length: int,
            shares: Shares) -> NeighbourLists:
    if clusterer.backend in EXACT_BACKENDS:
        return search_together(unit, length, shares, clusterer.threads)
    return search_lists_together(unit, length, shares, clusterer.threads,
                                 **clusterer.backend_options or {})


def check_shareable(clusterer: JaccardDBSCAN) -> None:
    """Check that processes can label together by a clusterer.

    Raises:
        ValueError: it searches a graph, or tells cameras apart.
    """
    if clusterer.backend not in (*EXACT_BACKENDS, 'ivf'):
        raise ValueError(
            f'backend={clusterer.backend!r} searches in one process; where '
            "processes hold parts of the images, take 'torch' or 'ivf'")
    if clusterer.uses_cameras:
        raise ValueError(
            'k1_intra searches in one process; leave it out where processes '
            'hold parts of the images')
