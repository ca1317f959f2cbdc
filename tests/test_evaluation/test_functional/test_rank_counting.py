import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ranking import check_against_naive, random_case

from mmreidmix.evaluation.functional import rank_counting as counting
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.rank_counting import RankCounter

images_of = QueryGallery.from_arrays


def count_by_torch(images):
    counter = RankCounter(images)
    for rows, scores in images.score_blocks():
        counter.count_by_torch(rows, scores)
    return counter


def assert_same(one, other):
    np.testing.assert_array_equal(one.first, other.first)
    np.testing.assert_array_equal(one.inp, other.inp)
    np.testing.assert_allclose(one.ap, other.ap, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_query=st.integers(1, 9),
    num_gallery=st.integers(1, 60),
    cross_camera=st.booleans(),
    block=st.integers(1, 12))
def test_torch_counts_as_the_compiled_code(seed, num_query, num_gallery,
                                           cross_camera, block):
    case = random_case(seed, num_query, num_gallery)
    case[3][0] = 0  # not junk alone
    images = images_of(*case, metric='euclidean', block=block,
                       cross_camera=cross_camera)
    assert_same(count_by_torch(images), RankCounter(images).run(
        images.score_blocks()))


def test_many_ties_are_counted_in_parts(monkeypatch):
    images = images_of(*random_case(5, 30, 500, 2, 2), metric='euclidean')
    expected = RankCounter(images).run(images.score_blocks())
    monkeypatch.setattr(counting, '_TIES_AT_ONCE', 7)
    assert_same(count_by_torch(images), expected)


@pytest.mark.parametrize('seed', range(3))
def test_many_matches_are_searched(seed):
    """More than ``_MOST_PASSES`` matches: another kernel, with ties."""
    case = random_case(seed, 12, 1500, 4, 3)
    matches = np.bincount(case[3][case[3] >= 0]).min()
    assert matches > 1.5 * counting._MOST_PASSES
    check_against_naive(case, True, 16)
    check_against_naive(case, False, 5)


def test_features_are_not_copied():
    query, gallery = torch.rand(4, 3), torch.rand(5, 3)
    images = images_of(query, gallery, [0] * 4, [0, 1, -1, 1, 0], [0] * 4,
                       [1] * 5)
    assert images.query.data_ptr() == query.data_ptr()
    assert images.gallery.data_ptr() == gallery.data_ptr()
    _, scores = next(images.score_blocks())
    cosine = torch.cosine_similarity(query[:, None], gallery, dim=2)
    cosine[:, 2] = -torch.inf
    torch.testing.assert_close(scores, cosine)


def test_missing_labels_are_named():
    with pytest.raises(ValueError, match='q_camids must be 1 integers, one'):
        images_of(torch.ones(1, 2), torch.ones(1, 2), [0], [0], None, [0])
