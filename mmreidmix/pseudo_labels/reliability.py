"""Which clusters, and which of their images, are fit to train on.

Independence and compactness come from SpCL (Ge, Zhu, Chen, Zhao, Li:
Self-paced Contrastive Learning with Hybrid Memory, NeurIPS 2020), quantity
and this combination from DomainMix (arXiv 2011.11953).
"""
import numpy as np

from .dbscan import renumber

CRITERIA = ('independence', 'compactness', 'quantity')


def _with_singletons(labels, name, num):
    labels = np.asarray(labels)
    if labels.shape != (num, ):
        raise ValueError(f'{name}: expected shape ({num},) as `labels`, got '
                         f'{labels.shape}')
    result = renumber(labels)
    noise = np.flatnonzero(result < 0)
    result[noise] = result.max(initial=-1) + 1 + np.arange(len(noise))
    return result


def _overlap(first, second):
    """IoU, for each image, of its two clusters: (N,) float64."""
    columns = second.max(initial=-1) + 1
    _, inverse, joint = np.unique(
        first * columns + second, return_inverse=True, return_counts=True)
    joint = joint[inverse]
    union = np.bincount(first)[first] + np.bincount(second)[second] - joint
    return joint / union


def cluster_reliability(labels, tight, loose):
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
        ValueError: If the shapes differ.
    """
    num = len(labels)
    normal, tight, loose = (
        _with_singletons(values, name, num)
        for values, name in ((labels, 'labels'), (tight, 'tight'),
                             (loose, 'loose')))
    return _overlap(normal, tight), _overlap(normal, loose)


def _cluster_minimum(labels, values):
    lowest = np.full(labels.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, labels, values)
    return lowest


def select_reliable(labels,
                    tight,
                    loose,
                    alpha=None,
                    indep_quantile=0.9,
                    min_size=5,
                    criteria=CRITERIA):
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
        alpha (float, optional): Threshold of an earlier epoch.
        indep_quantile (float): q above, in [0, 1].
        min_size (int): Least images of a cluster, at least 2.
        criteria (Sequence[str]): Those that apply. Without 'quantity'
            clusters of two images and more stay; a single image never does.

    Returns:
        tuple[np.ndarray, float | None]: (N,) int64 labels, -1 = left out,
        clusters 0..K-1 by first member; alpha as used, None where it was not
        given and independence does not apply or no cluster exists.

    Raises:
        ValueError: If a shape differs, an option is out of its range or a
            criterion is unknown.
    """
    unknown = sorted(set(criteria) - set(CRITERIA))
    if unknown:
        raise ValueError(f'criteria: unknown {unknown}; expected some of '
                         f'{list(CRITERIA)}')
    if not 0 <= indep_quantile <= 1:
        raise ValueError(
            f'indep_quantile={indep_quantile}: expected a number in [0, 1]')
    if min_size < 2:
        raise ValueError(f'min_size={min_size}: expected at least 2')
    r_comp, r_indep = cluster_reliability(labels, tight, loose)
    d_comp, d_indep = 1 - r_comp, 1 - r_indep
    clusters = _with_singletons(labels, 'labels', len(r_comp))
    sizes = np.bincount(clusters)
    keep = sizes[clusters] > 1 if len(clusters) else np.empty(0, bool)

    if 'independence' in criteria:
        lowest = _cluster_minimum(clusters, d_indep)
        known = np.sort(lowest[sizes > 1])
        if alpha is None and len(known):
            place = min(len(known) - 1, round(indep_quantile * len(known)))
            alpha = float(known[place])
        if alpha is not None:
            keep &= lowest[clusters] <= alpha
    if 'compactness' in criteria:
        keep &= d_comp <= _cluster_minimum(clusters, d_comp)[clusters]

    least = min_size if 'quantity' in criteria else 2
    left = np.bincount(clusters[keep], minlength=len(sizes))
    keep &= (left >= least)[clusters]
    return renumber(np.where(keep, clusters, -1)), alpha
