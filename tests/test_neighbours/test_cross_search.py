import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.neighbours import cross_search
from mmreidmix.neighbours import reduced_precision as reduced
from mmreidmix.neighbours.cross_search import Side, compare, nearest_of
from mmreidmix.neighbours.growing_lists import GrowingLists
from mmreidmix.neighbours.reduced_precision import Reduction, reduced_copies
from mmreidmix.neighbours.subspace import subspace
from tests.oracles import blobs, dense_knn, quick, unit


def expected_lists(left, right, k):
    """All pairs, sorted by the definition; -1 behind the last."""
    sims = (left.astype(np.float64) @ right.astype(np.float64).T).astype(
        np.float32)
    order = np.lexsort((np.broadcast_to(np.arange(len(right)), sims.shape),
                        -sims), axis=1)[:, :k]
    missing = k - order.shape[1]
    return (np.pad(order, ((0, 0), (0, max(0, missing))), constant_values=-1),
            np.pad(np.take_along_axis(sims, order, 1),
                   ((0, 0), (0, max(0, missing)))))


def side(features, reduction, names, k, least=None):
    copies = reduced_copies(features, np.arange(len(features)), reduction)
    return Side(features, copies, GrowingLists(names, k + 1, least))


@quick
@given(num=st.integers(2, 150), share=st.floats(0.01, 0.99),
       k=st.integers(1, 25), seed=st.integers(0, 99), float16=st.booleans(),
       half=st.booleans(), few=st.booleans(), copies=st.integers(0, 60),
       tile=st.sampled_from([7, 40, 1000]))
def test_lists_of_both_sides(num, share, k, seed, float16, half, few, copies,
                             tile):
    features = unit(blobs(num, seed=seed)[0])
    features = np.concatenate([features, np.repeat(features[:1], copies, 0)])
    features = np.random.default_rng(seed).permutation(features)
    if float16:
        features = features.astype(np.float16)
    cut = max(1, min(int(share * len(features)), len(features) - 1))
    left, right = features[:cut], features[cut:]
    reduced_to = Reduction(reduced.mean_feature(left, np.arange(cut)))
    if few:
        reduced_to = reduced_to._replace(basis=subspace(
            features, np.arange(len(features)), reduced_to.mean))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
        sides = [side(left, reduced_to, np.arange(cut), k),
                 side(right, reduced_to, np.arange(len(right)), k)]
        for start in range(0, cut, tile):
            compare(sides[0].part(slice(start, start + tile)), sides[1])
    for found, pair in zip(sides, ((left, right), (right, left))):
        expected, expected_sims = expected_lists(*pair, k)
        np.testing.assert_array_equal(found.lists.indices[:, 1:], expected)
        np.testing.assert_array_equal(found.lists.sims[:, 1:], expected_sims)
        assert (found.lists.sizes == 1 + (expected >= 0).sum(1)).all()


@quick
@given(k=st.integers(1, 12), seed=st.integers(0, 99), half=st.booleans())
def test_images_below_what_is_known_elsewhere_are_left_out(k, seed, half):
    features = unit(blobs(120, seed=seed)[0])
    left, right = features[:50], features[50:]
    expected, sims = expected_lists(left, right, k)
    # As if half of each list had been found elsewhere.
    least = sims[:, k // 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
        plain = Reduction(reduced.mean_feature(features, np.arange(120)))
        asked = side(left, plain, np.arange(50), k, least)
        compare(asked, side(right, plain, np.arange(70), k))
    wanted = sims >= least[:, None]
    np.testing.assert_array_equal(
        np.where(wanted, asked.lists.indices[:, 1:], -1),
        np.where(wanted, expected, -1))


def test_many_images_alike_are_compared_one_by_one():
    """So alike that no bound tells them apart: all lists overflow."""
    rng = np.random.default_rng(0)
    features = unit(np.ones((2000, 16)) + 1e-6 * rng.normal(size=(2000, 16)))
    left, right = features[:900], features[900:]
    np.testing.assert_array_equal(
        nearest_of(left, right, 3)[0], expected_lists(left, right, 3)[0])


@pytest.mark.parametrize('num', [0, 2, 90])
def test_nearest_of_others(monkeypatch, num):
    monkeypatch.setattr(cross_search, 'TILE', 32)
    features = unit(blobs(100, seed=3)[0])
    asked, others = features[:10], features[10:10 + num]
    for found, expected in zip(nearest_of(asked, others, 5),
                               expected_lists(asked, others, 5)):
        np.testing.assert_array_equal(found, expected)


def test_grown_lists_are_those_of_all():
    features = unit(blobs(90, seed=1)[0])
    left, right = features[:40], features[40:]
    own = expected_lists(left, left, 40)
    own[0][own[0] == np.arange(40)[:, None]] = -1
    across = expected_lists(left, right, 9)
    lists = GrowingLists(np.arange(40), 9)
    lists.sims[:, 0] = dense_knn(features, 1)[1][:40, 0]
    assert (lists.wanted() == -np.inf).all()
    lists.add(slice(None), own)
    part = lists.part(slice(10, 30))
    part.add(slice(None), (across[0][10:30] + 40, across[1][10:30]))
    lists.add(np.r_[:10, 30:40], (across[0][np.r_[:10, 30:40]] + 40,
                                  across[1][np.r_[:10, 30:40]]))
    expected = dense_knn(features, 9)
    np.testing.assert_array_equal(lists.indices, expected[0][:40])
    np.testing.assert_array_equal(lists.sims, expected[1][:40])
    np.testing.assert_array_equal(lists.wanted(), expected[1][:40, -1])
