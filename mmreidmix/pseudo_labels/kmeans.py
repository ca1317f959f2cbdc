"""Spherical k-means."""

import faiss
import numpy as np

from mmreidmix.checks import check_at_least

from .dbscan import renumber

_BLOCK = 1 << 16
# Images per centroid that the centroids are fitted on; faiss's own default.
_SAMPLE = 256


def kmeans(features: np.ndarray, num_clusters: int, *, iterations: int = 20,
           restarts: int = 1, seed: int = 0) -> np.ndarray:
    """k-means by cosine similarity, with centroids of length 1.

    With more than 256 images per cluster the centroids are fitted on a
    sample.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        num_clusters (int): clusters; fewer where some end up empty.
        iterations (int): steps of Lloyd's algorithm.
        restarts (int): runs from different starts, of which the best counts.
        seed (int): of the sample and the starts: same seed, same labels.

    Returns:
        np.ndarray: (N,) int64, clusters 0..K-1 numbered by first member.

    Raises:
        ValueError: an option is not positive or there are fewer images than
            clusters.
    """
    check_at_least('kmeans', 1, num_clusters=num_clusters,
                   iterations=iterations, restarts=restarts)
    features = np.asarray(features)
    num, dim = features.shape
    if num == 0:
        return np.empty(0, np.int64)
    if num < num_clusters:
        raise ValueError(f'num_clusters={num_clusters}: there are only {num} '
                         'images; ask for fewer')
    sample = features
    if num > _SAMPLE * num_clusters:
        random = np.random.default_rng(seed)
        sample = features[np.sort(
            random.choice(num, _SAMPLE * num_clusters, replace=False))]
    fit = faiss.Kmeans(
        dim, num_clusters, niter=iterations, nredo=restarts, seed=seed,
        spherical=True, min_points_per_centroid=1)
    fit.train(np.ascontiguousarray(sample, np.float32))
    return renumber(np.concatenate([
        fit.assign(np.ascontiguousarray(features[a:a + _BLOCK],
                                        np.float32))[1]
        for a in range(0, num, _BLOCK)]))
