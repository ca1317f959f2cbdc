import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets import LabelTable


def test_labelled_domains_come_first_and_do_not_share_identities():
    table = LabelTable(
        [np.array([5, 9, 5]), None,
         np.array([5, 7])], [3, 2, 2])
    assert table.labels.tolist() == [0, 1, 0, -1, -1, 2, 3]
    assert table.num_classes == table.num_labelled_classes == 4
    assert table.unlabelled == [1]


def test_pseudo_labels_follow_the_labelled_ones():
    table = LabelTable([None, np.array([3, 3]), None], [3, 2, 2])
    table.assign({0: np.array([1, -1, 0]), 2: np.array([0, 0])})
    assert table.labels.tolist() == [2, -1, 1, 0, 0, 3, 3]
    assert table.num_classes == 4
    table.assign({0: np.array([-1, -1, -1]), 2: np.array([-1, -1])})
    assert table.labels.tolist() == [-1, -1, -1, 0, 0, -1, -1]
    assert table.num_classes == 1


@pytest.mark.parametrize('clusters', [{}, {0: np.zeros(2)}, {1: np.zeros(3)}])
def test_wrong_pseudo_labels_are_refused(clusters):
    table = LabelTable([np.array([1, 2]), None], [2, 2])
    with pytest.raises(ValueError, match='domain'):
        table.assign(clusters)


def test_state_round_trip_and_other_size():
    table = LabelTable([np.array([1, 2]), None], [2, 3])
    table.assign({1: np.array([0, -1, 0])})
    other = LabelTable([np.array([1, 2]), None], [2, 3])
    other.load_state_dict(table.state_dict())
    assert other.labels.tolist() == table.labels.tolist()
    assert other.num_classes == 3
    with pytest.raises(ValueError, match='5 images'):
        LabelTable([np.array([1])], [1]).load_state_dict(table.state_dict())


def test_labels_of_other_images_are_refused():
    table = LabelTable([np.array([1, 2]), None], [2, 3], [7, 8])
    state = table.state_dict()
    LabelTable([np.array([1, 2]), None], [2, 3], [7, 8]).load_state_dict(state)
    with pytest.raises(ValueError, match='other images'):
        LabelTable([np.array([1, 2]), None], [2, 3],
                   [7, 9]).load_state_dict(state)
    del state['fingerprints']
    table.load_state_dict(state)  # written before there were fingerprints


@given(
    st.lists(st.integers(-1, 4), min_size=1, max_size=12),
    st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_classes_are_contiguous(clusters, pids):
    clusters = np.unique([-1, *clusters], return_inverse=True)[1][1:] - 1
    table = LabelTable([None, np.array(pids)], [len(clusters), len(pids)])
    table.assign({0: clusters})
    used = np.unique(table.labels[table.labels >= 0])
    assert used.tolist() == list(range(table.num_classes))
