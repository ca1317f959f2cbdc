"""From embeddings of domains to labels, one process."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    assign_clusters,
    cluster_centroids,
    share_labels,
    share_result,
)
from mmreidmix.pseudo_labels import PseudoLabelResult
from tests.test_engine.tiny_run import mixture_of


def embeddings(num, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, 8, generator=generator))


def found(images, clusters, seed=0):
    return LabelledImages(
        np.array(images, int), embeddings(len(images), seed),
        np.array(clusters, int))


NOTHING = LabelledImages(
    np.empty(0, int), torch.zeros(0), np.empty(0, int))


def test_centroids_against_a_loop():
    rows = embeddings(24)
    labels = np.random.default_rng(0).permutation(np.arange(24) % 6 - 1)
    centroids = cluster_centroids(rows, labels)
    assert len(centroids) == 5
    for k, centroid in enumerate(centroids):
        members = [rows[i] for i in range(24) if labels[i] == k]
        mean = torch.stack(members).mean(0)
        torch.testing.assert_close(centroid, mean / mean.norm())


def test_centroids_of_no_cluster():
    rows = embeddings(24)
    assert cluster_centroids(rows, np.full(24, -1)).shape == (0, 8)


def test_result_must_have_a_label_for_every_image():
    result = PseudoLabelResult(labels=np.zeros(24, int), clusters=None)
    assert share_result(result, 24)[0].tolist() == [0] * 24
    with pytest.raises(ValueError, match=r'shape \(24,\) for 25 images'):
        share_result(result, 25)
    with pytest.raises(ValueError, match=r'shape \(24,\) for 23 images'):
        share_labels(result.labels, 23)


@pytest.mark.parametrize('alpha', [None, 0.1 + 0.2])
def test_result_is_numbered_by_first_member(alpha):
    result = PseudoLabelResult(
        labels=np.array([7, -3, 2, 7, 2]), clusters=None, alpha=alpha)
    labels, shared = share_result(result, 5)
    assert labels.tolist() == [0, -1, 1, 0, 1]
    assert shared == alpha  # in double precision


@pytest.fixture
def mixture():
    """Images 0-2 unlabelled, 3-6 labelled, 7-11 unlabelled."""
    return mixture_of(
        first=('unlabelled', [0] * 3, [4, 5, 4]),
        known=('labelled', [8, 8, 9, 9], [0, 1, 0, 1]),
        second=('unlabelled', [0] * 5, [0, 0, 1, 2, 2]))


def test_clusterings_of_the_domains_are_joined(mixture):
    """Some images of a domain were not looked at, some are in no cluster."""
    parts = {0: found([0, 1, 2], [0, -1, 0]),
             2: found([1, 3, 4], [1, 0, 1], 2)}
    joined = assign_clusters(mixture, parts)
    table = mixture.label_table
    assert table.labels.tolist() == [2, -1, 2, 0, 0, 1, 1, -1, 4, -1, 3, 4]
    assert (joined.first, joined.num_classes, table.num_classes) == (2, 5, 5)
    assert joined.images.tolist() == [0, 2, 8, 10, 11]
    assert joined.clusters.tolist() == [0, 0, 2, 1, 2]
    # Two cameras of `first`, two of `known`, then those of `second`.
    assert joined.camids.tolist() == [0, 0, 4, 6, 6]
    a, b = parts[0].embeddings, parts[2].embeddings
    assert torch.equal(joined.embeddings, torch.cat([a[[0, 2]], b]))
    torch.testing.assert_close(
        joined.centroids,
        torch.cat([cluster_centroids(a, np.array([0, -1, 0])),
                   cluster_centroids(b, np.array([1, 0, 1]))]))


@pytest.mark.parametrize('order', [[0, 1, 2], [2, 0, 1]])
def test_images_of_several_rounds_stay_with_their_embeddings(mixture, order):
    own, rows = np.array(order), embeddings(3)
    joined = assign_clusters(mixture, {
        0: LabelledImages(own, rows[order], np.array([0, 0, 1])[order]),
        2: NOTHING})
    assert joined.images.tolist() == order
    assert joined.clusters.tolist() == np.array([0, 0, 1])[order].tolist()
    assert torch.equal(joined.embeddings, rows[order])


def test_a_domain_of_which_nothing_was_looked_at(mixture):
    joined = assign_clusters(mixture, {0: NOTHING, 2: found([0, 2], [0, 0])})
    assert mixture.label_table.labels.tolist() == (
        [-1] * 3 + [0, 0, 1, 1] + [2, -1, 2, -1, -1])
    assert joined.images.tolist() == [7, 9]
    assert joined.embeddings.shape == (2, 8)
    assert joined.num_classes == 3


def test_nothing_was_looked_at(mixture):
    joined = assign_clusters(mixture, {0: NOTHING, 2: NOTHING})
    assert (mixture.label_table.labels >= 0).sum() == 4
    assert joined.num_classes == joined.first == 2
    for part in (joined.images, joined.clusters, joined.camids,
                 joined.embeddings, joined.centroids):
        assert len(part) == 0
