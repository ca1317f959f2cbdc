"""Neighbours of neighbours."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.neighbours import (
    expand_neighbours,
    knn,
    neighbour_recall,
    normalise_rows,
)
from mmreidmix.pseudo_labels import JaccardDBSCAN
from tests.oracles import blobs, quick, unit


def plain_expansion(features, indices):
    """Set by set, as the definition reads."""
    sims = (features.astype(np.float64) @ features.T.astype(np.float64)
            ).astype(np.float32)
    lists = []
    for i, own in enumerate(indices):
        offered = {int(c) for j in own for c in indices[j]} - {i}
        ranked = sorted(offered, key=lambda j: (-sims[i, j], j))
        lists.append([i] + ranked[:indices.shape[1] - 1])
    lists = np.array(lists)
    return lists, np.take_along_axis(sims, lists, 1)


def damaged(features, k, seed):
    """Lists of k images that lack half of the neighbours."""
    indices, sims = knn(features, 2 * k)
    random = np.random.default_rng(seed)
    kept = np.sort(
        [[0, *1 + random.permutation(2 * k - 1)[:k - 1]] for _ in features], 1)
    return (np.take_along_axis(indices, kept, 1),
            np.take_along_axis(sims, kept, 1))


@quick
@given(st.integers(20, 80), st.integers(2, 8), st.integers(0, 99))
def test_equals_the_definition(num, k, seed):
    features = unit(blobs(num, seed=seed)[0])
    indices, sims = damaged(features, k, seed)
    found = expand_neighbours(features, indices, sims)
    expected = plain_expansion(features, indices)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


def test_finds_what_is_missing_and_keeps_what_is_exact():
    features = unit(blobs(600, dim=16, seed=3, per=12)[0])
    indices, sims = damaged(features, 10, 0)
    before = neighbour_recall(features, indices)
    once, _ = expand_neighbours(features, indices, sims)
    twice, _ = expand_neighbours(features, indices, sims, rounds=2)
    assert (before + 0.2 < neighbour_recall(features, once) <
            neighbour_recall(features, twice))
    exact = knn(features, 10)
    kept = expand_neighbours(features, *exact, rounds=2)
    assert np.array_equal(kept[0], exact[0])
    assert np.array_equal(kept[1], exact[1])


def test_threads_and_storage_change_nothing():
    features = unit(blobs(2500, seed=1)[0]).astype(np.float16)
    indices, sims = damaged(normalise_rows(features).numpy(), 6, 1)
    one = expand_neighbours(features, indices, sims, threads=1)
    three = expand_neighbours(features, indices, sims, threads=3)
    assert np.array_equal(one[0], three[0])
    assert np.array_equal(one[1], three[1])


def test_approximate_clusterer_expands():
    features = blobs(300, seed=2)[0]
    clusterer = JaccardDBSCAN(k1=8, backend='ivf')
    assert 'expansion' in clusterer(features).seconds
    assert 'expansion' not in JaccardDBSCAN(k1=8)(features).seconds


def test_refuses_negative_rounds():
    features = unit(blobs(10)[0])
    with pytest.raises(ValueError, match='rounds must be .* got -1'):
        expand_neighbours(features, *knn(features, 3), rounds=-1)
    with pytest.raises(ValueError, match='expansion must be .* got -1'):
        JaccardDBSCAN(expansion=-1)
