import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.pseudo_labels import (
    CRITERIA,
    cluster_reliability,
    select_reliable,
)
from tests.oracles import dense_reliable, quick


@quick
@given(num=st.integers(0, 150), seed=st.integers(0, 9999),
       clusters=st.integers(1, 20), alpha=st.none() | st.floats(0, 1),
       quantile=st.floats(0, 1), min_size=st.integers(2, 6),
       criteria=st.sets(st.sampled_from(CRITERIA)))
def test_equals_dense_definition(num, seed, clusters, alpha, quantile,
                                 min_size, criteria):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, clusters, num)
    # Tight: images fall off, clusters split; loose: clusters join.
    tight = np.where(rng.random(num) < .2, -1,
                     2 * labels + rng.integers(0, 2, num) * (labels % 3 == 0))
    tight[labels < 0] = -1
    loose = np.where(labels < 0, rng.integers(-1, clusters, num), labels)
    loose[loose >= 0] //= 1 + (loose[loose >= 0] > clusters // 2)
    arguments = (labels, tight, loose, alpha, quantile, min_size, criteria)
    found, found_alpha = select_reliable(*arguments)
    expected, expected_alpha = dense_reliable(*arguments)
    np.testing.assert_array_equal(found, expected)
    assert found_alpha == expected_alpha
    assert found.dtype == np.int64


def test_hand_computed_scores():
    labels = np.array([0, 0, 0, 0, 1, 1, -1, -1])
    tight = np.array([0, 0, 0, -1, 1, 1, -1, -1])
    loose = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    r_comp, r_indep = cluster_reliability(labels, tight, loose)
    np.testing.assert_allclose(r_comp, [.75, .75, .75, .25, 1, 1, 1, 1])
    np.testing.assert_allclose(
        r_indep, [4 / 6] * 4 + [2 / 6] * 2 + [1 / 2] * 2)

    def select(*criteria, **options):
        return select_reliable(labels, tight, loose, min_size=3,
                               criteria=criteria, **options)[0].tolist()
    assert select() == [0, 0, 0, 0, 1, 1, -1, -1]
    assert select('compactness') == [0, 0, 0, -1, 1, 1, -1, -1]
    assert select('quantity') == [0, 0, 0, 0, -1, -1, -1, -1]
    assert select('independence', alpha=.5) == [0, 0, 0, 0] + [-1] * 4
    assert select('independence', alpha=.1) == [-1] * 8
    assert select(*CRITERIA, alpha=.5) == [0, 0, 0] + [-1] * 5


def test_alpha_is_the_element_at_the_rounded_quantile():
    # Cluster c has 2 images and meets c further images at the loose eps.
    labels = np.concatenate([[c, c] + [-1] * c for c in range(10)])
    loose = np.concatenate([[c] * (c + 2) for c in range(10)])
    d_indep = [1 - 2 / (c + 2) for c in range(10)]
    for quantile, place in ((0.0, 0), (0.5, 5), (0.9, 9), (1.0, 9),
                            (0.25, 2)):
        _, alpha = select_reliable(labels, labels, loose,
                                   indep_quantile=quantile)
        assert alpha == d_indep[place]


def test_alpha_is_kept_or_unknown():
    labels = np.array([0] * 5 + [-1])
    assert select_reliable(labels, labels, labels, alpha=.25)[1] == .25
    noise = np.full(4, -1)
    found, alpha = select_reliable(noise, noise, noise)
    assert found.tolist() == [-1] * 4 and alpha is None


@pytest.mark.parametrize('options, message', [
    ({'criteria': ('size', )},
     r"criteria must be some of .*, got \('size',\)"),
    ({'indep_quantile': 1.5}, r'indep_quantile must be in \[0, 1\], got 1.5'),
    ({'min_size': 1}, 'min_size must be at least 2, got 1')])
def test_refuses(options, message):
    labels = np.zeros(4, int)
    with pytest.raises(ValueError, match=message):
        select_reliable(labels, labels, labels, **options)


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match=r'loose: expected shape \(4,\)'):
        cluster_reliability(np.zeros(4, int), np.zeros(4, int),
                            np.zeros(3, int))
