import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.ranking import rank, top_matches


def rank_arrays(*arrays, **options):
    return rank(QueryGallery.from_arrays(*arrays, **options))


def naive_lists(scores, q_pids, g_pids, q_camids, g_camids, cross_camera):
    """Each query's full list by a Python sort: (gallery index, is match)."""
    lists = []
    for row, pid, cam in zip(scores, q_pids, q_camids):
        kept = [
            j for j in range(len(g_pids)) if g_pids[j] != -1 and not (
                cross_camera and g_pids[j] == pid and g_camids[j] == cam)
        ]
        kept.sort(key=lambda j: (-row[j], j))  # noqa: B023
        lists.append([(j, bool(g_pids[j] == pid)) for j in kept])
    return lists


def naive_scores(matches):
    hits = [i for i, match in enumerate(matches) if match]
    if not hits:
        return None
    precisions = [(n + 1) / (i + 1) for n, i in enumerate(hits)]
    return np.mean(precisions), len(hits) / (hits[-1] + 1), hits[0]


def random_case(seed, num_query, num_gallery, dim=3, levels=2):
    """Few distinct integer features: many exact ties, junk, distractors."""
    rng = np.random.default_rng(seed)
    query = rng.integers(0, levels, (num_query, dim)).astype(np.float32)
    gallery = rng.integers(0, levels, (num_gallery, dim)).astype(np.float32)
    pids = rng.integers(0, 5, num_query)
    g_pids = rng.integers(-1, 9, num_gallery)
    return (query, gallery, pids, g_pids, rng.integers(0, 3, num_query),
            rng.integers(0, 3, num_gallery))


def euclidean_scores(query, gallery):
    return -((query[:, None] - gallery)**2).sum(-1)


def check_against_naive(case, cross_camera, block):
    expected = [
        naive_scores([match for _, match in ranked])
        for ranked in naive_lists(
            euclidean_scores(*case[:2]), *case[2:], cross_camera)
    ]
    options = {
        'cross_camera': cross_camera, 'metric': 'euclidean', 'block': block}
    if not any(expected):
        with pytest.raises(ValueError, match='no query has a match'):
            rank_arrays(*case, **options)
        return
    result = rank_arrays(*case, **options)
    for i, values in enumerate(expected):
        if values is None:
            assert np.isnan(result.ap[i]) and np.isnan(result.inp[i])
            assert result.first_match_rank[i] == -1
            continue
        assert result.ap[i] == pytest.approx(values[0], abs=1e-12)
        assert result.inp[i] == pytest.approx(values[1], abs=1e-12)
        assert result.first_match_rank[i] == values[2]
    valid = [values for values in expected if values]
    summary = result.summary(ranks=(1, 2))
    assert summary['mAP'] == pytest.approx(np.mean([v[0] for v in valid]))
    assert summary['mINP'] == pytest.approx(np.mean([v[1] for v in valid]))
    assert summary['rank-2'] == pytest.approx(
        np.mean([v[2] < 2 for v in valid]))
    assert summary['queries'] == len(expected)
    assert summary['queries_without_match'] == len(expected) - len(valid)


@pytest.mark.parametrize('offset', [-300.0, 1e4, 1e6])
def test_an_offset_of_all_features_hides_no_distance(offset):
    query, gallery, *labels = random_case(3, 40, 400, 16, 9)
    expected = rank_arrays(query, gallery, *labels, metric='euclidean')
    found = rank_arrays(
        query + np.float32(offset), gallery + np.float32(offset), *labels,
        metric='euclidean')
    np.testing.assert_array_equal(found.ap, expected.ap)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_query=st.integers(1, 9),
    num_gallery=st.integers(1, 60),
    cross_camera=st.booleans(),
    block=st.integers(1, 12))
def test_rank_equals_full_sort_with_ties(seed, num_query, num_gallery,
                                         cross_camera, block):
    case = random_case(seed, num_query, num_gallery)
    if (case[3] < 0).all():
        with pytest.raises(ValueError, match='nothing but junk'):
            rank_arrays(*case, metric='euclidean')
        return
    check_against_naive(case, cross_camera, block)


@pytest.mark.parametrize('seed', range(4))
def test_rank_equals_full_sort_larger(seed):
    check_against_naive(random_case(seed, 40, 1500, 4, 4), True, 16)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_ap_equals_sklearn(dtype):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(30, 16, generator=generator, dtype=dtype)
    gallery = torch.randn(400, 16, generator=generator, dtype=dtype)
    rng = np.random.default_rng(0)
    q_pids, g_pids = rng.integers(0, 10, 30), rng.integers(0, 14, 400)
    q_camids, g_camids = rng.integers(0, 4, 30), rng.integers(0, 4, 400)
    result = rank_arrays(query, gallery, q_pids, g_pids, q_camids, g_camids)
    cosine = torch.cosine_similarity(query[:, None], gallery, dim=-1).numpy()
    for i in range(30):
        kept = (g_pids != q_pids[i]) | (g_camids != q_camids[i])
        expected = average_precision_score(g_pids[kept] == q_pids[i],
                                           cosine[i, kept])
        assert result.ap[i] == pytest.approx(expected, abs=1e-12)


def line_case():
    """One query at 0; gallery images at growing distance from it."""
    # position:    0   1   2   3   4   5   6
    # pid:         7   5   7  -1   7   6   7      (query: pid 7, camera 0)
    # camera:      0   1   1   1   2   2   0
    # list:            5   7       7   6          ranks of the matches 2, 3
    gallery = np.arange(1, 8, dtype=np.float32)[:, None]
    return (np.zeros((1, 1), np.float32), gallery, [7],
            [7, 5, 7, -1, 7, 6, 7], [0], [0, 1, 1, 1, 2, 2, 0])


def test_hand_computed():
    summary = rank_arrays(*line_case(), metric='euclidean').summary((1, 2, 5))
    assert summary['mAP'] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert summary['mINP'] == pytest.approx(2 / 3)
    assert [summary[f'rank-{k}'] for k in (1, 2, 5)] == [0, 1, 1]


def test_hand_computed_same_camera():
    # list 7 5 7 7 6 7: matches at 1, 3, 4, 6
    summary = rank_arrays(
        *line_case(), metric='euclidean', cross_camera=False).summary()
    assert summary['mAP'] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 6) / 4)
    assert summary['mINP'] == pytest.approx(4 / 6)
    assert summary['rank-1'] == 1


@pytest.mark.parametrize('position', [0, 1, 2, 3])
def test_ties_keep_gallery_order(position):
    g_pids = np.full(4, 3)
    g_pids[position] = 1
    ones = np.ones((4, 2), np.float32)
    result = rank_arrays(ones[:1], ones, [1], g_pids, [0], [1] * 4)
    assert result.first_match_rank[0] == position
    assert result.ap[0] == pytest.approx(1 / (position + 1))


@pytest.mark.parametrize('form', [
    np.asfortranarray,
    lambda rows: np.repeat(rows, 2, axis=0)[::2],
    lambda rows: rows[::-1].copy()[::-1],
])
def test_order_in_memory_changes_nothing(form):
    case = random_case(2, 20, 90, 5, 4)
    result = rank_arrays(form(case[0]), form(case[1]), *case[2:],
                         metric='euclidean')
    expected = rank_arrays(*case, metric='euclidean')
    np.testing.assert_array_equal(result.ap, expected.ap)


@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
@pytest.mark.parametrize('threads', [1, 3])
def test_block_and_threads_do_not_change_the_result(metric, threads):
    case = random_case(1, 50, 300, 5, 4)
    case[0][:] += 1
    case[1][:] += 1
    before = torch.get_num_threads()
    expected = rank_arrays(*case, metric=metric, block=50)
    torch.set_num_threads(threads)
    try:
        result = rank_arrays(*case, metric=metric, block=7)
    finally:
        torch.set_num_threads(before)
    if metric == 'euclidean':  # small integers: no rounding at all
        np.testing.assert_array_equal(result.ap, expected.ap)
        np.testing.assert_array_equal(result.first_match_rank,
                                      expected.first_match_rank)
    np.testing.assert_allclose(result.ap, expected.ap, atol=0.02)


@pytest.mark.parametrize('cross_camera', [True, False])
def test_top_matches_is_the_head_of_the_list(cross_camera):
    case = random_case(3, 20, 12)
    k = 15
    indices, scores, correct = top_matches(QueryGallery.from_arrays(
        *case, cross_camera=cross_camera, metric='euclidean', block=6), k)
    assert indices.shape == scores.shape == correct.shape == (20, k)
    squares = euclidean_scores(*case[:2])
    lists = naive_lists(squares, *case[2:], cross_camera)
    for i, ranked in enumerate(lists):
        size = len(ranked)
        assert size < k
        assert indices[i, :size].tolist() == [j for j, _ in ranked]
        assert correct[i, :size].tolist() == [match for _, match in ranked]
        np.testing.assert_allclose(
            scores[i, :size],
            -np.sqrt(-squares[i, indices[i, :size]]),
            atol=1e-6)
        assert (indices[i, size:] == -1).all()
        assert np.isnan(scores[i, size:]).all()
        assert not correct[i, size:].any()


def test_one_camera_is_named():
    query, gallery, q_pids, g_pids, _, _ = line_case()
    with pytest.raises(
            ValueError,
            match=r'no query has a match in another camera: domain shop has '
            r'cameras \[4\]; use cross_camera=False'):
        rank_arrays(query, gallery, q_pids, g_pids, [4], [4] * 7,
             metric='euclidean', name='shop')


def test_disjoint_identities_are_named():
    query, gallery, _, g_pids, q_camids, g_camids = line_case()
    with pytest.raises(ValueError, match='share no identity'):
        rank_arrays(query, gallery, [99], g_pids, q_camids, g_camids,
             metric='euclidean')


@pytest.mark.parametrize('value, message', [
    (float('nan'), r'gallery features are NaN or infinite in 2 of 4 rows: '
     '1, 3'),
    (float('inf'), 'gallery features are NaN or infinite'),
    (0., 'gallery features are zero'),
])
def test_bad_features_are_named(value, message):
    gallery = torch.ones(4, 3)
    gallery[1::2] = value
    with pytest.raises(ValueError, match=message):
        rank_arrays(torch.ones(1, 3), gallery, [1], [1] * 4, [0], [1] * 4)


@pytest.mark.parametrize('change, message', [
    ({'q_pids': [-1]}, r'q_pids: no identity \(negative\) in 1 of 1 rows: 0'),
    ({'g_camids': [0, -1]}, r'g_camids: no camera .* in 1 of 2 rows: 1'),
    ({'g_pids': [1]}, 'g_pids must be 2 integers'),
    ({'g_pids': [1., 2.]}, 'g_pids must be 2 integers'),
    ({'g_pids': [-1, -1]}, 'nothing but junk'),
    ({'query': torch.ones(1, 4)}, 'same model'),
    ({'query': torch.ones(3)}, r'shape \(N, D\)'),
    ({'query': torch.ones(0, 3)}, r'shape \(N, D\)'),
    ({'metric': 'dot'}, 'metric must be one of'),
    ({'block': 0}, 'block must be an integer of at least 1, got 0'),
])
def test_bad_arguments_are_named(change, message):
    arguments = {
        'query': torch.ones(1, 3), 'gallery': torch.ones(2, 3), 'q_pids': [1],
        'g_pids': [1, 2], 'q_camids': [0], 'g_camids': [1, 1]}
    rank_arrays(*arguments.values())
    with pytest.raises(ValueError, match=message):
        rank_arrays(**{**arguments, **change})


def test_half_precision_and_autocast_do_not_coarsen_scores():
    generator = torch.Generator().manual_seed(2)
    gallery = 1 + 1e-3 * torch.randn(64, 8, generator=generator)
    arguments = (gallery[:8], gallery[8:], np.arange(8) % 4,
                 np.arange(56) % 4, [0] * 8, [1] * 56)
    expected = rank_arrays(*arguments)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = rank_arrays(*arguments)
    np.testing.assert_array_equal(result.ap, expected.ap)
