import numpy as np
import pytest
import torch

from mmreidmix.evaluation import rank
from mmreidmix.evaluation.functional.query_expansion import expand_queries
from mmreidmix.evaluation.functional.query_gallery import QueryGallery


def make_case(seed=0):
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, 5, 60)
    pids[20::7] = -1
    features = rng.normal(size=(60, 6)) + 1
    cameras = rng.integers(0, 3, 60)
    return (torch.from_numpy(features[:15].astype(np.float32)),
            torch.from_numpy(features[15:].astype(np.float32)), abs(pids[:15]),
            pids[15:], cameras[:15], cameras[15:])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def naive(rows, bank, num, alpha):
    """Each row plus its num nearest bank rows by cos^alpha."""
    result = []
    for row in rows:
        cosines = bank @ row
        near = np.argsort(-cosines, kind='stable')[:num]
        result.append(row + sum(
            max(cosines[j], 0)**alpha * bank[j] * (cosines[j] > 0)
            for j in near))
    return unit(np.array(result))


@pytest.mark.parametrize('alpha', [0, 1, 3.5])
@pytest.mark.parametrize('num', [1, 4, 1000])
@pytest.mark.parametrize('database', [False, True])
def test_expansion_equals_naive_sums(alpha, num, database):
    case = make_case()
    images = expand_queries(
        QueryGallery.from_arrays(*case, block=4), neighbours=num,
        alpha=alpha, database=database)
    kept = case[3] >= 0
    query, bank = (unit(case[0].double().numpy()),
                   unit(case[1][kept].double().numpy()))
    if database:
        bank = np.concatenate([
            naive(bank[i:i + 1], np.delete(bank, i, axis=0), num, alpha)
            for i in range(len(bank))])
        np.testing.assert_allclose(
            unit(images.gallery[kept].numpy()), bank, atol=1e-5)
    np.testing.assert_allclose(
        unit(images.query.numpy()), naive(query, bank, num, alpha), atol=1e-5)


def test_given_features_stay_and_rank_takes_the_option():
    case = make_case(1)
    before = [case[0].clone(), case[1].clone()]
    options = {'neighbours': 5, 'database': True}
    images = QueryGallery.from_arrays(*case)
    wide = expand_queries(images, **options)
    again = QueryGallery.from_arrays(wide.query, wide.gallery, *case[2:])
    found = rank(images, query_expansion=options)
    np.testing.assert_array_equal(found.ap, rank(again).ap)
    assert torch.equal(case[0], before[0]) and torch.equal(case[1], before[1])
    both = rank(images, query_expansion=options, rerank={'k1': 5})
    np.testing.assert_array_equal(both.ap, rank(again, rerank={'k1': 5}).ap)


@pytest.mark.parametrize('options, message', [
    ({'neighbours': 0}, 'neighbours must be an integer of at least 1, got 0'),
    ({'alpha': -1.}, 'alpha must be at least 0'),
    ({'alpha': float('nan')}, 'alpha must be at least 0'),
])
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        rank(QueryGallery.from_arrays(*make_case()), query_expansion=options)
    images = QueryGallery.from_arrays(*make_case(), metric='euclidean')
    with pytest.raises(ValueError, match="query_expansion needs metric='cos"):
        rank(images, query_expansion={})
