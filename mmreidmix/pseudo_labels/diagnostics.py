"""Numbers that tell how a clustering is doing."""
import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    pair_confusion_matrix,
)
from sklearn.metrics.cluster import contingency_matrix

from .dbscan import renumber

SIZE_BINS = ('1', '2-3', '4-7', '8-15', '16-31', '32-63', '64-127', '128+')


def _mean_purity_entropy(clusters, kinds):
    """Image-weighted purity, and mean entropy (nats) over clusters."""
    table = contingency_matrix(clusters, kinds, sparse=True).tocsr()
    sizes = np.add.reduceat(table.data, table.indptr[:-1])
    share = table.data / np.repeat(sizes, np.diff(table.indptr))
    entropies = np.add.reduceat(-share * np.log(share), table.indptr[:-1])
    largest = np.maximum.reduceat(table.data, table.indptr[:-1])
    return float(largest.sum() / sizes.sum()), float(entropies.mean())


def _against_truth(clusters, pids):
    (_, false_join), (missed, true_join) = pair_confusion_matrix(
        pids, clusters).tolist()
    joined, same = true_join + false_join, true_join + missed
    return {
        'pair_precision': true_join / joined if joined else 0.0,
        'pair_recall': true_join / same if same else 0.0,
        'pair_f': 2 * true_join / (joined + same) if joined + same else 0.0,
        'nmi': float(normalized_mutual_info_score(pids, clusters)),
        'ari': float(adjusted_rand_score(pids, clusters)),
        'purity': _mean_purity_entropy(clusters, pids)[0],
    }


def _size_histogram(sizes):
    place = np.minimum(np.frexp(sizes)[1] - 1, len(SIZE_BINS) - 1)
    counts = np.bincount(place, minlength=len(SIZE_BINS)).tolist()
    return {f'size_hist/{name}': float(count)
            for name, count in zip(SIZE_BINS, counts)}


def _sizes(labels):
    num = len(labels)
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    quantiles = (np.quantile(sizes, (0, .25, .5, .75, 1)).tolist()
                 if len(sizes) else [float('nan')] * 5)
    largest = float(sizes.max() / num) if len(sizes) else 0.0
    return {
        'images': float(num),
        'clusters': float(len(sizes)),
        'noise_share': float((labels < 0).mean()) if num else 0.0,
        **dict(zip(('size_min', 'size_q25', 'size_median', 'size_q75',
                    'size_max'), quantiles)),
        **_size_histogram(sizes),
        'largest_share': largest,
        'collapsed': float(num > 0 and (largest > 0.5 or not len(sizes))),
    }


def describe_clustering(labels, camids=None, true_pids=None, previous=None):
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

    Returns:
        dict[str, float]: See above.

    Raises:
        ValueError: If the lengths differ.
    """
    labels = np.asarray(labels)
    others = {
        name: None if values is None else np.asarray(values)
        for name, values in (('camids', camids), ('true_pids', true_pids),
                             ('previous', previous))
    }
    for name, values in others.items():
        if values is not None and values.shape != labels.shape:
            raise ValueError(f'{name}: expected shape {labels.shape} as '
                             f'`labels`, got {values.shape}')
    result = _sizes(labels)
    clustered = labels >= 0
    nan = float('nan')
    if others['camids'] is not None:
        result['camera_purity'], result['camera_entropy'] = (
            _mean_purity_entropy(labels[clustered],
                                 others['camids'][clustered])
            if clustered.any() else (nan, nan))
    if others['previous'] is not None:
        before = others['previous'] >= 0
        both = clustered & before
        result['stability'] = (
            float(adjusted_rand_score(others['previous'][both], labels[both]))
            if both.any() else nan)
        result['noise_changed'] = (
            float((clustered != before).mean()) if len(labels) else nan)
    if others['true_pids'] is not None:
        both = clustered & (others['true_pids'] >= 0)
        keys = ('pair_precision', 'pair_recall', 'pair_f', 'nmi', 'ari',
                'purity')
        result.update(
            _against_truth(labels[both], others['true_pids'][both])
            if both.any() else dict.fromkeys(keys, nan))
    return result


def true_clusters(pids, groups):
    """What each person of each group is, -1 where that is not known.

    Args:
        pids (np.ndarray): (N,) identities, -1 = not known.
        groups (np.ndarray): (N,) int64, at least 0.

    Returns:
        np.ndarray: (N,) int64, numbered by first member.
    """
    return renumber(np.where(pids < 0, -1, (groups << 32) + pids))


def collapse_warning(quality):
    """What is wrong with a collapsed clustering and what to do about it.

    Args:
        quality (dict[str, float]): Of :func:`describe_clustering`.

    Returns:
        str | None: Text for the log; None where nothing has collapsed.
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
