import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from mmreidmix.pseudo_labels import KMeans, kmeans
from tests.oracles import blobs, unit


def planted(num=300, seed=0):
    features, pids = blobs(num, dim=32, seed=seed, noise=.15, per=50)
    return unit(features), pids


def test_planted_clusters_are_found():
    features, pids = planted()
    labels = kmeans(features, len(np.unique(pids)), restarts=5)
    assert adjusted_rand_score(pids, labels) == 1
    assert labels.dtype == np.int64
    assert labels[0] == 0 and set(labels) == set(range(labels.max() + 1))


def test_every_image_is_at_its_nearest_centroid():
    """A fixed point of Lloyd's algorithm on the sphere."""
    features, _ = planted()
    labels = kmeans(features, 4, iterations=60, seed=3)
    centroids = np.stack([features[labels == c].mean(0) for c in range(4)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    np.testing.assert_array_equal((features @ centroids.T).argmax(1), labels)


def test_same_seed_same_labels():
    features, _ = planted()
    one, two, other = (kmeans(features, 20, iterations=1, seed=seed)
                       for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_more_images_than_the_centroids_are_fitted_on():
    features, pids = planted(2000)
    keep = pids < 3
    labels = kmeans(features[keep][:700], 2)
    assert len(labels) == min(700, keep.sum())
    half = features.astype(np.float16)
    found = kmeans(half, 3)  # 2000 > 3 * 256
    assert adjusted_rand_score(found, kmeans(half.astype(np.float32), 3)) == 1


def test_few_images_and_duplicates():
    assert kmeans(np.empty((0, 3), np.float32), 5).shape == (0, )
    assert kmeans(np.float32([[1, 0]]), 1).tolist() == [0]
    assert kmeans(np.tile(np.float32([[1, 0]]), (40, 1)), 3).max() <= 2


@pytest.mark.parametrize('options, message', [
    ({'num_clusters': 0}, 'num_clusters must be at least 1, got 0'),
    ({'num_clusters': 9}, 'num_clusters=9: there are only 8 images'),
    ({'num_clusters': 2, 'iterations': 0},
     'iterations must be at least 1, got 0'),
    ({'num_clusters': 2, 'restarts': 0},
     'restarts must be at least 1, got 0')])
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        kmeans(unit(blobs(8)[0]), **options)


def test_clusterer():
    features, _ = planted()
    result = KMeans(6, min_size=30, seed=1)(5 * features)
    np.testing.assert_array_equal(result.clusters,
                                  kmeans(features, 6, seed=1))
    sizes = np.bincount(result.clusters)
    np.testing.assert_array_equal(result.labels < 0,
                                  sizes[result.clusters] < 30)
    with pytest.raises(ValueError, match='seed must be an integer .* got -1'):
        KMeans(2, seed=-1)
    with pytest.raises(TypeError, match='num_clusters'):
        KMeans()
