"""Which clusters, and which of their images, are fit to train on.

Independence and compactness come from SpCL (Ge, Zhu, Chen, Zhao, Li:
Self-paced Contrastive Learning with Hybrid Memory, NeurIPS 2020), quantity
and this combination from DomainMix (arXiv 2011.11953).
"""

from collections.abc import Collection
from typing import Optional

import numpy as np

from mmreidmix.checks import check_at_least, check_between

from .dbscan import renumber

CRITERIA = ('independence', 'compactness', 'quantity')


def check_criteria(owner: str, criteria: Collection[str]) -> None:
    """Raise ValueError for what is no collection of some ``CRITERIA``."""
    if isinstance(criteria, str) or not set(criteria) <= set(CRITERIA):
        raise ValueError(f'{owner}: criteria must be some of {CRITERIA}, got '
                         f'{criteria!r}')


def _with_singletons(name: str, labels: np.ndarray, num: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (num, ):
        raise ValueError(f'{name}: expected shape ({num},) as `labels`, got '
                         f'{labels.shape}')
    result = renumber(labels)
    noise = np.flatnonzero(result < 0)
    result[noise] = result.max(initial=-1) + 1 + np.arange(len(noise))
    return result


def _overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """IoU, for each image, of its two clusters: (N,) float64."""
    columns = second.max(initial=-1) + 1
    _, inverse, joint = np.unique(
        first * columns + second, return_inverse=True, return_counts=True)
    joint = joint[inverse]
    union = np.bincount(first)[first] + np.bincount(second)[second] - joint
    return joint / union


def cluster_reliability(labels: np.ndarray, tight: np.ndarray,
                        loose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compactness and independence of every image, from label counts alone.

    r_comp(i) is the IoU of the image's cluster and its cluster at a tighter
    eps, r_indep(i) the same at a looser eps. An outlier is a cluster of its
    own in each clustering.

    Args:
        labels (np.ndarray): (N,) clusters, -1 = outlier.
        tight (np.ndarray): (N,) clusters at the smaller eps.
        loose (np.ndarray): (N,) clusters at the larger eps.

    Returns:
        tuple[np.ndarray, np.ndarray]: r_comp, r_indep, (N,) float64 in (0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    num = len(labels)
    normal = _with_singletons('labels', labels, num)
    return (_overlap(normal, _with_singletons('tight', tight, num)),
            _overlap(normal, _with_singletons('loose', loose, num)))


def _cluster_minimum(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    lowest = np.full(labels.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, labels, values)
    return lowest


def select_reliable(
        labels: np.ndarray, tight: np.ndarray, loose: np.ndarray,
        alpha: Optional[float] = None, indep_quantile: float = 0.9,
        min_size: int = 5, criteria: Collection[str] = CRITERIA
) -> tuple[np.ndarray, Optional[float]]:
    """Keep the reliable images of the reliable clusters.

    With d = 1 - r of :func:`cluster_reliability` and d(c) its minimum over
    the images of cluster c, image i of cluster c stays if

    - independence: d_indep(c) <= alpha;
    - compactness: d_comp(i) <= d_comp(c);
    - quantity: at least ``min_size`` images of c pass the others.

    alpha, where not given, is the element min(n - 1, round(q n)) of the n
    ascending d_indep(c) of clusters with more than one image. DomainMix
    computes it in the first epoch and keeps it.

    Args:
        labels (np.ndarray): (N,) clusters, -1 = outlier.
        tight (np.ndarray): (N,) clusters at the smaller eps.
        loose (np.ndarray): (N,) clusters at the larger eps.
        alpha (float, optional): threshold of an earlier epoch.
        indep_quantile (float): q above, in [0, 1].
        min_size (int): least images of a cluster, at least 2.
        criteria (Collection[str]): those that apply. Without 'quantity'
            clusters of two images and more stay; a single image never does.

    Returns:
        tuple[np.ndarray, float | None]: (N,) int64 labels, -1 = left out,
        clusters 0..K-1 by first member; alpha as used, None where it was not
        given and independence does not apply or no cluster exists.

    Raises:
        ValueError: a shape differs, an option is out of its range or a
            criterion is unknown.
    """
    check_criteria('select_reliable', criteria)
    check_between('select_reliable', 0, 1, indep_quantile=indep_quantile)
    check_at_least('select_reliable', 2, min_size=min_size)
    r_comp, r_indep = cluster_reliability(labels, tight, loose)
    d_comp, d_indep = 1 - r_comp, 1 - r_indep
    clusters = _with_singletons('labels', labels, len(r_comp))
    sizes = np.bincount(clusters)
    reliable = sizes[clusters] > 1

    if 'independence' in criteria:
        lowest = _cluster_minimum(clusters, d_indep)
        candidates = np.sort(lowest[sizes > 1])
        if alpha is None and len(candidates):
            place = round(indep_quantile * len(candidates))
            alpha = float(candidates[min(len(candidates) - 1, place)])
        if alpha is not None:
            reliable &= lowest[clusters] <= alpha
    if 'compactness' in criteria:
        reliable &= d_comp <= _cluster_minimum(clusters, d_comp)[clusters]

    least = min_size if 'quantity' in criteria else 2
    sizes = np.bincount(clusters[reliable], minlength=len(sizes))
    reliable &= (sizes >= least)[clusters]
    return renumber(np.where(reliable, clusters, -1)), alpha
