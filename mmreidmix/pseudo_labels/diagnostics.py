"""Numbers that tell how a clustering is doing."""
import numpy as np
from scipy.stats import entropy
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    pair_confusion_matrix,
)
from sklearn.metrics.cluster import contingency_matrix


def _mean_purity_entropy(clusters, kinds):
    """Image-weighted purity, and mean entropy (nats) over clusters."""
    table = contingency_matrix(clusters, kinds, sparse=True).tocsr()
    largest = table.max(axis=1).toarray()
    per_cluster = [
        entropy(table.data[start:stop])
        for start, stop in zip(table.indptr[:-1], table.indptr[1:])]
    return float(largest.sum() / len(clusters)), float(np.mean(per_cluster))


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


def describe_clustering(labels, camids=None, true_pids=None, previous=None):
    """Describe pseudo labels by plain floats, for the log.

    Always: ``images``, ``clusters``, ``noise_share`` (of all images),
    ``size_min``, ``size_q25``, ``size_median``, ``size_q75``, ``size_max``,
    ``largest_share`` (of all images), ``collapsed`` (1.0 where one cluster
    holds more than half of the images, or all images are noise).

    With ``camids``: ``camera_purity`` (share of clustered images that are in
    their cluster's most frequent camera) and ``camera_entropy`` (nats, mean
    over clusters; 0 = one camera each). With ``previous``: ``stability`` =
    adjusted Rand index over the images clustered in both. With ``true_pids``,
    over clustered images: ``pair_precision``, ``pair_recall``, ``pair_f``,
    ``nmi``, ``ari``, ``purity``; only to be logged, never to train on.

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
    num = len(labels)
    clustered = labels >= 0
    sizes = np.unique(labels[clustered], return_counts=True)[1]
    quantiles = (np.quantile(sizes, (0, .25, .5, .75, 1)).tolist()
                 if len(sizes) else [float('nan')] * 5)
    largest = float(sizes.max() / num) if len(sizes) else 0.0
    result = {
        'images': float(num),
        'clusters': float(len(sizes)),
        'noise_share': float(1 - clustered.mean()) if num else 0.0,
        **dict(zip(('size_min', 'size_q25', 'size_median', 'size_q75',
                    'size_max'), quantiles)),
        'largest_share': largest,
        'collapsed': float(num > 0 and (largest > 0.5 or not len(sizes))),
    }
    nan = float('nan')
    if others['camids'] is not None:
        result['camera_purity'], result['camera_entropy'] = (
            _mean_purity_entropy(labels[clustered],
                                 others['camids'][clustered])
            if len(sizes) else (nan, nan))
    if others['previous'] is not None:
        both = clustered & (others['previous'] >= 0)
        result['stability'] = (
            float(adjusted_rand_score(others['previous'][both], labels[both]))
            if both.any() else nan)
    if others['true_pids'] is not None:
        both = clustered & (others['true_pids'] >= 0)
        keys = ('pair_precision', 'pair_recall', 'pair_f', 'nmi', 'ari',
                'purity')
        result.update(
            _against_truth(labels[both], others['true_pids'][both])
            if both.any() else dict.fromkeys(keys, nan))
    return result
