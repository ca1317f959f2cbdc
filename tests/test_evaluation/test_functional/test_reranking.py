import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmreidmix.evaluation.functional import (
    rerank_neighbours as rerank_search,
)
from mmreidmix.evaluation.functional import (
    reranking,
)
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.ranking import rank
from mmreidmix.evaluation.functional.rerank_encodings import encodings
from mmreidmix.evaluation.functional.rerank_neighbours import (
    nearest_and_farthest,
)
from mmreidmix.evaluation.functional.reranking import reranked_blocks
from mmreidmix.neighbours import camera_aware, knn, normalise_rows
from mmreidmix.neighbours import exact_search as exact

BENCHMARKS = Path(__file__).parents[3] / 'tools' / 'benchmarks'


@pytest.fixture(scope='module')
def dense():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from common import dense_reranking
    finally:
        sys.path.remove(str(BENCHMARKS))
    return dense_reranking


def make_case(seed=0, num_query=20, num_gallery=130, junk=True):
    rng = np.random.default_rng(seed)
    num = num_query + num_gallery
    pids = rng.integers(0, 12, num)
    features = rng.normal(size=(12, 24))[pids] + rng.normal(size=(num, 24))
    g_pids = pids[num_query:].copy()
    if junk:
        g_pids[rng.integers(0, num_gallery, 15)] = -1
    features = torch.from_numpy(features.astype(np.float32))
    cameras = rng.integers(0, 4, num)
    return (features[:num_query], features[num_query:], pids[:num_query],
            g_pids, cameras[:num_query], cameras[num_query:])


def dense_distances(dense, case, **options):
    """(Nq, Ng) of the dense original, inf for junk."""
    kept = case[3] >= 0
    unit = normalise_rows(torch.cat([case[0], case[1][kept]]))
    result = np.full((len(case[0]), len(kept)), np.inf)
    result[:, kept] = dense.rerank(
        dense.squared_distances(unit), len(case[0]), **options)
    return result


def own_distances(case, block=7, **options):
    images = QueryGallery.from_arrays(*case, block=block)
    return -torch.cat([
        scores.clone() for _, scores in reranked_blocks(images, **options)
    ]).numpy()


@pytest.mark.parametrize('options', [
    {},
    {'k1': 21, 'k2': 3},  # half of an odd k1 is rounded
    {'k1': 30, 'k2': 1},
    {'k1': 5, 'k2': 8, 'lambda_value': 0.},
    {'k1': 1, 'k2': 1, 'lambda_value': 1.},
])
@pytest.mark.parametrize('junk', [False, True])
def test_distances_are_those_of_the_dense_original(dense, options, junk):
    case = make_case(1, junk=junk)
    np.testing.assert_allclose(
        own_distances(case, **options), dense_distances(
            dense, case, **options), atol=2e-6)


def dense_by_camera(dense, case, **options):
    kept = case[3] >= 0
    cameras = np.concatenate([case[4], case[5][kept]])
    return dense_distances(dense, case, cameras=cameras, **options)


@pytest.mark.parametrize('options', [
    {'k1_intra': 5},
    {'k1': 7, 'k2': 1, 'k1_intra': 7, 'k2_intra': 0},
    {'k1': 12, 'k2': 3, 'k1_intra': 3, 'k2_intra': 3},
    {'k1': 20, 'k2': 6, 'k1_intra': 0, 'k2_intra': 0},
    {'k1': 140, 'k2': 1, 'k1_intra': 140, 'k2_intra': 1},  # too long lists
])
@pytest.mark.parametrize('junk', [False, True])
def test_cameras_are_told_apart_as_in_the_dense_form(dense, options, junk):
    case = make_case(4, junk=junk)
    if junk:
        options = dict(options, k1=min(options.get('k1', 20), 120))
    np.testing.assert_allclose(
        own_distances(case, **options), dense_by_camera(
            dense, case, **options), atol=2e-6)


def test_a_camera_of_one_image_and_a_camera_of_almost_all(dense):
    case = make_case(5, junk=False)
    cameras = np.zeros(150, int)
    cameras[[3, 20, 21, 22]] = [1, 2, 3, 3]
    case = (*case[:4], cameras[:20], cameras[20:])
    np.testing.assert_allclose(
        own_distances(case, k1_intra=5), dense_by_camera(dense, case),
        atol=2e-6)


def test_one_camera_alone_is_that_of_the_original(dense):
    case = make_case(6, junk=False)
    case = (*case[:4], *(np.full_like(part, 3) for part in case[4:]))
    np.testing.assert_allclose(
        own_distances(case, k1_intra=5), dense_distances(dense, case),
        atol=2e-6)


def test_blocks_of_a_camera_make_no_difference(monkeypatch):
    case = make_case(6, 30, 300)
    expected = own_distances(case, k1_intra=5)
    monkeypatch.setattr(camera_aware, '_BLOCK_BYTES', 4 * 330 * 11)
    np.testing.assert_array_equal(own_distances(case, k1_intra=5), expected)


def test_several_tiles_and_floors(dense, monkeypatch):
    monkeypatch.setattr(rerank_search, 'ROWS', 100)
    monkeypatch.setattr(rerank_search, 'COLUMNS', 500)
    monkeypatch.setattr(exact, 'COLUMNS', 500)
    case = make_case(6, 250, 1400, junk=False)
    expected = dense_distances(dense, case)
    np.testing.assert_allclose(own_distances(case, 90), expected, atol=2e-6)
    monkeypatch.setattr(reranking, '_PRODUCT_BYTES', 0)
    np.testing.assert_allclose(own_distances(case, 90), expected, atol=2e-6)


@pytest.mark.parametrize('spread', [0.05, 0.3])
def test_close_features(dense, spread):
    case = make_case(7, junk=False)
    case = (1 + spread * case[0], 1 + spread * case[1], *case[2:])
    found = own_distances(case)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, dense_distances(dense, case), atol=1e-3)


def test_lists_as_long_as_the_set(dense):
    case = make_case(2, 5, 16, junk=False)
    options = {'k1': 20, 'k2': 21}
    np.testing.assert_allclose(
        own_distances(case, **options), dense_distances(
            dense, case, **options), atol=2e-6)


def test_rank_sorts_by_the_final_distance(dense):
    case = make_case(3)
    images = QueryGallery.from_arrays(*case)
    result = rank(images, rerank={'k1': 10})
    order = np.argsort(dense_distances(dense, case, k1=10), axis=1)
    for i, row in enumerate(order):
        row = row[case[3][row] >= 0]
        same = case[3][row] == case[2][i]
        kept = ~(same & (case[5][row] == case[4][i]))
        hits = np.flatnonzero(same[kept])
        precision = np.arange(1, len(hits) + 1) / (hits + 1)
        assert result.ap[i] == pytest.approx(precision.mean())
        assert result.first_match_rank[i] == hits[0]
    assert result.ap.mean() > rank(images).ap.mean()


def test_encodings_sum_to_one():
    unit = normalise_rows(torch.cat(make_case()[:2]))
    encoding, largest = encodings(unit, 20, 6)
    np.testing.assert_allclose(encoding.sum(1), 1, atol=1e-6)
    squares = torch.cdist(unit.double(), unit.double()).square()
    np.testing.assert_allclose(largest, squares.amax(1), rtol=1e-6)


@pytest.mark.parametrize('kind', ['random', 'near ties', 'copies'])
def test_search_is_knn_and_the_lowest_product(kind):
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(1300, 16, generator=generator)
    if kind == 'near ties':  # more candidates than the lists hold
        features = 1 + 1e-4 * features
    if kind == 'copies':
        features[:700] = features[0]
    unit = normalise_rows(features)
    indices, sims, lowest = nearest_and_farthest(unit, 9)
    expected = knn(unit, 9)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_array_equal(sims, expected[1])
    products = unit.double() @ unit.double().T
    np.testing.assert_array_equal(lowest, products.amin(1).float())


@pytest.mark.parametrize('options, message', [
    ({'rerank': {'k1': 0}}, 'k1 must be an integer of at least 1, got 0'),
    ({'rerank': {'k1': 150}}, r'of 150 images .* k1 must be in \[1, 149\]'),
    ({'rerank': {'k2': 151}}, r'k2 must be in \[1, 150\], got 151'),
    ({'rerank': {'k1_intra': -1}}, 'k1_intra must be an integer of at le'),
    ({'rerank': {'k1_intra': 1, 'k2_intra': 2}},
     r'k2_intra must be in \[0, 1\], got 2'),
    ({'rerank': {'k2_intra': 2}}, 'k2_intra=2 does nothing without k1_intra'),
    ({'rerank': {'lambda_value': 1.5}}, '_value must be in .* got 1.5'),
    ({'rerank': {'lambda_value': float('nan')}}, 'must be in .* got nan'),
])
def test_bad_options_are_named(options, message):
    images = QueryGallery.from_arrays(*make_case(junk=False))
    with pytest.raises(ValueError, match=message):
        rank(images, **options)


def test_images_of_no_camera_are_named():
    case = make_case(junk=False)
    case[5][[4, 7]] = -1
    images = QueryGallery.from_arrays(
        *case, cross_camera=False, name='office')
    with pytest.raises(ValueError, match='2 of 150 images of domain office '
                                         'have no camera; leave k1_intra'):
        rank(images, rerank={'k1_intra': 5})


def test_the_euclidean_metric_is_refused():
    images = QueryGallery.from_arrays(*make_case(), metric='euclidean')
    with pytest.raises(ValueError, match="rerank needs metric='cosine'"):
        rank(images, rerank={})


def test_equal_features_are_named():
    case = make_case(junk=False)
    with pytest.raises(ValueError, match='all features are equal'):
        rank(QueryGallery.from_arrays(
            torch.ones_like(case[0]), torch.ones_like(case[1]), *case[2:]),
            rerank={})
