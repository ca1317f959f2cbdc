"""Numbers that tell how a clustering is doing."""

from typing import Optional

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    pair_confusion_matrix,
)
from sklearn.metrics.cluster import contingency_matrix

from .dbscan import renumber

SIZE_BINS = ('1', '2-3', '4-7', '8-15', '16-31', '32-63', '64-127', '128+')
_QUANTILES = ('size_min', 'size_q25', 'size_median', 'size_q75', 'size_max')
_NAN = float('nan')


def _purity_and_entropy(clusters: np.ndarray,
                        kinds: np.ndarray) -> tuple[float, float]:
    """Image-weighted purity, and mean entropy (nats) over clusters."""
    if not len(clusters):
        return _NAN, _NAN
    table = contingency_matrix(clusters, kinds, sparse=True).tocsr()
    sizes = np.add.reduceat(table.data, table.indptr[:-1])
    share = table.data / np.repeat(sizes, np.diff(table.indptr))
    entropies = np.add.reduceat(-share * np.log(share), table.indptr[:-1])
    largest = np.maximum.reduceat(table.data, table.indptr[:-1])
    return largest.sum() / sizes.sum(), entropies.mean()


def _against_truth(clusters: np.ndarray, pids: np.ndarray) -> dict[str, float]:
    if not len(clusters):
        return dict.fromkeys(('pair_precision', 'pair_recall', 'pair_f', 'nmi',
                              'ari', 'purity'), _NAN)
    (_, false_join), (missed, true_join) = pair_confusion_matrix(
        pids, clusters).tolist()
    joined, same = true_join + false_join, true_join + missed
    return {
        'pair_precision': true_join / joined if joined else 0,
        'pair_recall': true_join / same if same else 0,
        'pair_f': 2 * true_join / (joined + same) if joined + same else 0,
        'nmi': normalized_mutual_info_score(pids, clusters),
        'ari': adjusted_rand_score(pids, clusters),
        'purity': _purity_and_entropy(clusters, pids)[0],
    }


def _sizes(labels: np.ndarray) -> dict[str, float]:
    num = len(labels)
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    bins = np.minimum(np.frexp(sizes)[1] - 1, len(SIZE_BINS) - 1)
    histogram = np.bincount(bins, minlength=len(SIZE_BINS))
    quantiles = (np.quantile(sizes, (0, .25, .5, .75, 1))
                 if len(sizes) else [_NAN] * len(_QUANTILES))
    largest = sizes.max() / num if len(sizes) else 0
    return {
        'images': num,
        'clusters': len(sizes),
        'noise_share': (labels < 0).mean() if num else 0,
        **dict(zip(_QUANTILES, quantiles)),
        **{f'size_hist/{name}': count
           for name, count in zip(SIZE_BINS, histogram)},
        'largest_share': largest,
        'collapsed': num > 0 and (largest > 0.5 or not len(sizes)),
    }


def describe_clustering(
        labels: np.ndarray, camids: Optional[np.ndarray] = None,
        true_pids: Optional[np.ndarray] = None,
        previous: Optional[np.ndarray] = None) -> dict[str, float]:
    """Describe pseudo labels by plain floats, for the log.

    Always: ``images``, ``clusters``, ``noise_share`` (of all images),
    ``size_min``, ``size_q25``, ``size_median``, ``size_q75``, ``size_max``,
    ``size_hist/B`` (clusters whose size is in B, for every B of
    ``SIZE_BINS``), ``largest_share`` (of all images), ``collapsed`` (1.0
    where one cluster holds more than half of the images, or all images are
    noise; see :func:`collapse_warning`).

    With ``camids``: ``camera_purity`` (share of clustered images that are in
    their cluster's most frequent camera) and ``camera_entropy`` (nats, mean
    over clusters; 0 = one camera each). With ``previous``: ``stability`` =
    adjusted Rand index over the images clustered in both, and
    ``noise_changed`` = share of all images that were noise and are not any
    more, or the other way round. With ``true_pids``, over clustered images:
    ``pair_precision``, ``pair_recall``, ``pair_f``, ``nmi``, ``ari``,
    ``purity``; only to be logged, never to train on.

    Values about clustered images are NaN where there are none.

    Args:
        labels (np.ndarray): (N,) clusters, negative = noise.
        camids (np.ndarray, optional): (N,) cameras.
        true_pids (np.ndarray, optional): (N,) identities; images with a
            negative one are left out of the comparison.
        previous (np.ndarray, optional): (N,) clusters of the epoch before.

    Raises:
        ValueError: the lengths differ.
    """
    labels = np.asarray(labels)
    for name, values in (('camids', camids), ('true_pids', true_pids),
                         ('previous', previous)):
        if values is not None and np.shape(values) != labels.shape:
            raise ValueError(f'{name}: expected shape {labels.shape} as '
                             f'`labels`, got {np.shape(values)}')
    result = _sizes(labels)
    clustered = labels >= 0
    if camids is not None:
        result['camera_purity'], result['camera_entropy'] = (
            _purity_and_entropy(labels[clustered],
                                np.asarray(camids)[clustered]))
    if previous is not None:
        previous = np.asarray(previous)
        both = clustered & (previous >= 0)
        result['stability'] = (
            adjusted_rand_score(previous[both], labels[both])
            if both.any() else _NAN)
        result['noise_changed'] = (
            (clustered != (previous >= 0)).mean() if len(labels) else _NAN)
    if true_pids is not None:
        true_pids = np.asarray(true_pids)
        known = clustered & (true_pids >= 0)
        result.update(_against_truth(labels[known], true_pids[known]))
    return {name: float(value) for name, value in result.items()}


def true_clusters(pids: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """One cluster for each person of each group, numbered by first member.

    Identities are (N,), -1 = not known, which stays; groups (N,) int64, at
    least 0.
    """
    return renumber(np.where(pids < 0, -1, (groups << 32) + pids))


def collapse_warning(quality: dict[str, float]) -> Optional[str]:
    """What is wrong with a collapsed clustering and what to do about it.

    Text for the log from what :func:`describe_clustering` gives; None where
    nothing has collapsed.
    """
    if not quality['collapsed']:
        return None
    images = int(quality['images'])
    if not quality['clusters']:
        return (f'no cluster survived, all {images} images are noise and none '
                'is trained on. If this lasts, train longer on the labelled '
                'domains first (a later begin), raise eps, or lower '
                'min_samples or min_size')
    return (f'one cluster holds {quality["largest_share"]:.0%} of {images} '
            'images: different persons are joined. Lower eps or k1; if the '
            'features have collapsed (all images alike), lower the learning '
            'rate or train longer on the labelled domains first')
