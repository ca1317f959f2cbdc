import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.neighbours import reduced_precision as reduced
from mmreidmix.neighbours.cross_search import cross_search, merge_lists
from tests.oracles import blobs, dense_knn, quick, unit


def expected_lists(left, right, k):
    """All pairs, sorted by the definition."""
    sims = (left.astype(np.float64) @ right.astype(np.float64).T).astype(
        np.float32)
    order = np.lexsort((np.broadcast_to(np.arange(len(right)), sims.shape),
                        -sims), axis=1)[:, :k]
    return order, np.take_along_axis(sims, order, 1)


@quick
@given(num=st.integers(2, 150), share=st.floats(0.01, 0.99),
       k=st.integers(1, 25), seed=st.integers(0, 99), float16=st.booleans(),
       half=st.booleans(), copies=st.integers(0, 60))
def test_lists_of_both_sides(num, share, k, seed, float16, half, copies):
    features = unit(blobs(num, seed=seed)[0])
    features = np.concatenate([features, np.repeat(features[:1], copies, 0)])
    features = np.random.default_rng(seed).permutation(features)
    if float16:
        features = features.astype(np.float16)
    cut = max(1, min(int(share * len(features)), len(features) - 1))
    left, right = features[:cut], features[cut:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
        found = cross_search(left, right, k)
    for (indices, sims), sides in zip(
            found, ((left, right), (right, left))):
        expected, expected_sims = expected_lists(*sides, k)
        assert indices.dtype == np.int32
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(sims, expected_sims)


def test_many_images_alike_are_compared_one_by_one():
    """So alike that no bound tells them apart: all lists overflow."""
    rng = np.random.default_rng(0)
    features = unit(np.ones((2000, 16)) + 1e-6 * rng.normal(size=(2000, 16)))
    left, right = features[:900], features[900:]
    for (indices, _), sides in zip(
            cross_search(left, right, 3), ((left, right), (right, left))):
        np.testing.assert_array_equal(indices, expected_lists(*sides, 3)[0])


def test_merged_lists_are_those_of_all():
    features = unit(blobs(90, seed=1)[0])
    left, right = features[:40], features[40:]
    lists = tuple(np.zeros((40, 9), dtype) for dtype in (
        np.int32, np.float32))
    lists[0][:, 0], sizes = np.arange(40), np.ones(40, np.int64)
    lists[1][:, 0] = dense_knn(features, 1)[1][:40, 0]
    own = expected_lists(left, left, 40)
    own[0][own[0] == np.arange(40)[:, None]] = -1
    across = expected_lists(left, right, 9)
    merge_lists(lists, sizes, own)
    merge_lists(lists, sizes, (across[0] + 40, across[1]))
    for found, expected in zip(lists, dense_knn(features, 9)):
        np.testing.assert_array_equal(found, expected[:40])
    assert (sizes == 9).all()
