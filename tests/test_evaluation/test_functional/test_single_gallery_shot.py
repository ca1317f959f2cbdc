import numpy as np
import pytest
import torch

from mmreidmix.evaluation import (
    QueryGallery,
    mean_and_spread,
    single_gallery_shot,
)
from mmreidmix.evaluation.functional.single_gallery_shot import draw_galleries


def make_case(seed=0, num_query=25, num_gallery=90):
    """Integer features: many ties."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 3, (num_query, 3)).astype(np.float32),
            rng.integers(0, 3, (num_gallery, 3)).astype(np.float32),
            rng.integers(0, 6, num_query), rng.integers(-1, 9, num_gallery),
            rng.integers(0, 3, num_query), rng.integers(0, 3, num_gallery))


@pytest.mark.parametrize('cross_camera', [True, False])
def test_ranks_equal_a_sort_of_each_drawn_gallery(cross_camera):
    case = make_case()
    images = QueryGallery.from_arrays(
        *case, metric='euclidean', cross_camera=cross_camera, block=4)
    found = single_gallery_shot(images, repeats=9, seed=3)
    drawn, own = draw_galleries(images, 9, 3)
    query, gallery, q_pids, g_pids = case[:4]
    squares = ((query[:, None] - gallery)**2).sum(-1)
    for i, pid in enumerate(q_pids):
        if own[i, 0] < 0:
            assert (found.match_rank[i] == -1).all()
            continue
        for r in range(9):
            listed = [j for j in drawn[r] if g_pids[j] != pid] + [own[i, r]]
            listed.sort(key=lambda j: (squares[i, j], j))  # noqa: B023
            assert found.match_rank[i, r] == listed.index(own[i, r])


def test_a_draw_holds_one_image_of_each_identity():
    case = make_case(1)
    g_pids, cameras = case[3], case[5]
    drawn, own = draw_galleries(
        QueryGallery.from_arrays(*case, metric='euclidean'), 4000, 0)
    known = np.unique(g_pids[g_pids >= 0])
    assert (g_pids[drawn] == known).all()
    assert (g_pids[own] == case[2][:, None]).all()
    assert (cameras[own] != case[4][:, None]).all()
    for column, pid in zip(drawn.T, known):
        share = np.bincount(column, minlength=len(g_pids)) / 4000
        members = g_pids == pid
        np.testing.assert_allclose(
            share[members], 1 / members.sum(), atol=.04)


def test_values_of_one_image_per_identity():
    """Nothing is left to chance: what rank gives with a single match."""
    query = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    gallery = np.array([[1, .1], [1, 0], [.5, 1]], np.float32)
    images = QueryGallery.from_arrays(
        query, gallery, [1, 2, 5], [1, 2, 3], [0] * 3, [1] * 3)
    found = single_gallery_shot(images, repeats=5)
    assert found.match_rank.tolist() == [[1] * 5, [2] * 5, [-1] * 5]
    assert found.summary((1, 2)) == {
        'mAP': pytest.approx((1 / 2 + 1 / 3) / 2), 'rank-1': 0,
        'rank-2': .5, 'mAP_std': 0, 'rank-1_std': 0, 'rank-2_std': 0,
        'repeats': 5, 'queries': 3, 'queries_without_match': 1}


def test_the_seed_decides_the_draws():
    images = QueryGallery.from_arrays(*make_case(2), metric='euclidean')
    runs = [single_gallery_shot(images, repeats=20, seed=seed).match_rank
            for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_bad_input_is_named():
    images = QueryGallery.from_arrays(
        torch.ones(1, 2), torch.ones(1, 2), [0], [1], [0], [1])
    with pytest.raises(ValueError, match='repeats must be an integer of at '):
        single_gallery_shot(images, repeats=0)
    with pytest.raises(ValueError, match='no query has a match'):
        single_gallery_shot(images)


def test_mean_and_spread_of_splits():
    found = mean_and_spread([
        {'mAP': .5, 'queries': 10, 'queries_without_match': 1},
        {'mAP': .7, 'queries': 12, 'queries_without_match': 0},
        {'mAP': .6, 'queries': 8, 'queries_without_match': 0},
    ])
    assert found == {
        'mAP': pytest.approx(.6), 'mAP_std': pytest.approx(.1),
        'queries': 30, 'queries_without_match': 1, 'splits': 3}
    with pytest.raises(ValueError, match='at least two splits, got 1'):
        mean_and_spread([{'mAP': 1.}])
    with pytest.raises(ValueError, match='split 1 has the scores'):
        mean_and_spread([{'mAP': 1.}, {'rank-1': 1.}])
