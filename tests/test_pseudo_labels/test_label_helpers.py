import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.pseudo_labels import drop_small, renumber, true_clusters


def test_drop_small():
    labels = np.array([0, 2, 2, -1, 1, 1, 1])
    assert drop_small(labels, 2).tolist() == [-1, 0, 0, -1, 1, 1, 1]
    assert drop_small(labels, 3).tolist() == [-1, -1, -1, -1, 0, 0, 0]
    assert drop_small(labels[:1], 2).tolist() == [-1]
    assert drop_small(labels[:0], 2).tolist() == []
    assert drop_small(np.full(3, -1), 1).tolist() == [-1, -1, -1]


@given(st.lists(st.integers(-1, 5), max_size=20), st.integers(1, 5))
def test_drop_small_against_a_loop(labels, min_size):
    kept = [k if k >= 0 and labels.count(k) >= min_size else -1
            for k in labels]
    found = drop_small(np.array(labels, int), min_size)
    assert found.tolist() == renumber(np.array(kept, int)).tolist()


def test_any_negative_number_is_noise():
    assert drop_small(np.array([-2]), 1).tolist() == [-1]


def test_true_clusters():
    pids, groups = np.array([3, -1, 3, 3]), np.array([0, 0, 1, 0])
    assert true_clusters(pids, groups).tolist() == [0, -1, 1, 0]
    assert true_clusters(pids, 0 * groups).tolist() == [0, -1, 0, 0]


def test_true_clusters_of_large_numbers():
    """A person of one video is none of another, whatever the numbers."""
    most = 2**31 - 1
    pids = np.array([most, 256, 0, most, 0, 1 << 16], np.int32)
    groups = np.array([0, 0, 1, 0, most, 0])
    assert true_clusters(pids, groups).tolist() == [0, 1, 2, 0, 3, 4]
    assert true_clusters(pids[[5, 2]], np.array([0, 1 << 8])).tolist() == [
        0, 1]
