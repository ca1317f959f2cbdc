import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.models import CentroidsMemory


def rows(num, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, 4, generator=generator).double())


def example():
    """Two identities, the first in two cameras; class 1 has no image."""
    labels = np.array([2, 0, 0, 0, 2])
    camids = np.array([5, 3, 1, 3, 5])
    memory = CentroidsMemory()
    memory.rebuild([rows(5)], labels, camids, 3)
    return memory, rows(5)


def test_rows_and_centres_by_hand():
    memory, x = example()
    assert memory.labels.tolist() == [0, 0, 2]
    assert memory.camids.tolist() == [1, 3, 5]
    assert memory.counts.tolist() == [1, 2, 2]
    means = torch.stack([x[2], (x[1] + x[3]) / 2, (x[0] + x[4]) / 2])
    torch.testing.assert_close(memory.means, means)
    torch.testing.assert_close(memory.proxies, F.normalize(means))
    centres = torch.stack([x[1] + x[2] + x[3], x[0] * 0, x[0] + x[4]])
    torch.testing.assert_close(memory.centroids, F.normalize(centres))
    assert memory.num_classes == 3
    assert [memory.rows_below(k) for k in range(4)] == [0, 2, 2, 3]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 9))
def test_blocks_and_order_do_not_matter(seed, num, size):
    rng = np.random.default_rng(seed)
    labels, camids = rng.integers(5, size=num), rng.integers(4, size=num)
    x = rows(num, seed)
    whole, parts = CentroidsMemory(), CentroidsMemory()
    whole.rebuild([x], labels, camids, 5)
    order = rng.permutation(num)
    parts.rebuild(x[order].split(size), labels[order], camids[order], 5)
    for name in ('means', 'counts', 'labels', 'camids', 'centroids'):
        torch.testing.assert_close(
            getattr(parts, name), getattr(whole, name))
    for k in range(5):
        centre = x[torch.from_numpy(labels == k)].sum(0)
        torch.testing.assert_close(whole.centroids[k],
                                   F.normalize(centre, dim=0))


def test_first_rows_are_kept():
    memory, _ = example()
    before = memory.state_dict_below(1)
    x = rows(3, seed=9)
    memory.rebuild([x], np.array([2, 1, 2]), np.array([7, 7, 8]), 4, first=1)
    assert memory.labels.tolist() == [0, 0, 1, 2, 2]
    for name in ('means', 'camids', 'counts'):
        assert torch.equal(getattr(memory, name)[:2], before[name])
    torch.testing.assert_close(memory.proxies[2:], x[[1, 0, 2]])
    assert memory.centroids.shape == (4, 4)
    assert not memory.centroids[3].any()


def test_nothing_new_keeps_the_first_rows():
    memory, _ = example()
    memory.rebuild([], np.zeros(0, int), np.zeros(0, int), 1, first=1)
    assert memory.labels.tolist() == [0, 0]
    assert memory.centroids.shape == (1, 4)


def test_saved_rows_come_back():
    memory, _ = example()
    other = CentroidsMemory()
    other.load_rows(memory.state_dict_below(1), 1)
    assert torch.equal(other.centroids, memory.centroids[:1])
    assert torch.equal(other.proxies, memory.proxies[:2])
    assert other.rows_below(1) == 2


def test_update_replaces_the_share_of_an_average_image():
    memory, _ = example()
    means = memory.means.clone()
    new = rows(4, seed=3)
    # Two images of row (0, 3), one of row (2, 5), one of no row.
    labels, camids = torch.tensor([0, 0, 2, 1]), torch.tensor([3, 3, 5, 1])
    memory.update(new, labels, camids)
    expected = means.clone()
    expected[1] = (new[0] + new[1]) / 2
    expected[2] = (means[2] + new[2]) / 2
    torch.testing.assert_close(memory.means, expected)
    torch.testing.assert_close(memory.proxies, F.normalize(expected))
    torch.testing.assert_close(
        memory.centroids[0],
        F.normalize(expected[0] + 2 * expected[1], dim=0))
    assert not memory.centroids[1].any()


def test_a_momentum_is_the_share_that_each_embedding_leaves():
    memory = CentroidsMemory(momentum=0.25)
    x, new = rows(3), rows(3, seed=1)
    memory.rebuild([x], np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    memory.update(new, torch.tensor([0, 1, 0]), torch.zeros(3).long())
    torch.testing.assert_close(
        memory.means[0],
        0.0625 * (x[0] + x[1]) / 2 + 0.9375 * (new[0] + new[2]) / 2)
    torch.testing.assert_close(memory.means[1], 0.25 * x[2] + 0.75 * new[1])


@pytest.mark.parametrize('momentum', [-0.1, 1])
def test_wrong_momentum(momentum):
    with pytest.raises(ValueError, match='momentum'):
        CentroidsMemory(momentum=momentum)


def test_more_images_than_the_row_has_replace_all_of_it():
    memory, _ = example()
    new = rows(3, seed=3)
    memory.update(new, torch.zeros(3).long(), torch.ones(3).long())
    torch.testing.assert_close(memory.means[0], new.mean(0))


def test_updates_by_all_images_in_turn_follow_them():
    """After many passes over constant embeddings the mean is theirs."""
    labels, camids = np.zeros(6, int), np.zeros(6, int)
    memory = CentroidsMemory()
    memory.rebuild([rows(6)], labels, camids, 1)
    target = rows(6, seed=5)
    for _ in range(30):
        for part in target.split(2):
            memory.update(part, *torch.zeros(2, 2).long())
    gap = (memory.means[0] - target.mean(0)).norm()
    assert gap < (rows(6).mean(0) - target.mean(0)).norm() / 2


@pytest.mark.parametrize('blocks', [[], [rows(4)], [rows(5), rows(1)]])
def test_wrong_number_of_embeddings(blocks):
    labels = np.zeros(5, int)
    with pytest.raises(ValueError, match='5 identities were given'):
        CentroidsMemory().rebuild(blocks, labels, labels, 1)


@pytest.mark.parametrize('labels', [[0, 3], [-1, 0]])
def test_identities_out_of_range(labels):
    with pytest.raises(ValueError, match=r'expected 0\.\.2'):
        CentroidsMemory().rebuild([rows(2)], labels, [0, 0], 3)
