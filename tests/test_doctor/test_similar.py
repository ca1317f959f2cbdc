"""Near copies against plain NumPy."""

import numpy as np
import pytest

from mmreidmix.doctor.similar import NEAR, unit_vectors


def test_products_are_correlations():
    small = np.random.default_rng(0).integers(
        0, 256, (5000, 128)).astype(np.uint8)
    vectors = unit_vectors(small).astype(np.float32)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
    np.testing.assert_allclose(
        vectors[:50] @ vectors[-50:].T,
        np.corrcoef(small[:50], small[-50:])[:50, 50:], atol=1e-3)


@pytest.mark.parametrize('num', [300, 6000])
def test_near_copies_are_found_by_both_searches(num, monkeypatch):
    """Exact for few images, approximate for many."""
    from mmreidmix.doctor import similar
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (num, 128)).astype(np.uint8)
    copies = np.arange(num - 20, num)
    small[copies] = np.clip(
        small[:20].astype(int) + rng.integers(-8, 9, (20, 128)), 0, 255)

    class Table:
        """What the search reads."""
        small = None

    Table.small = small
    pairs, nearest = similar._search(Table, np.arange(num))
    assert pairs.first.tolist() == list(range(20))
    assert pairs.second.tolist() == copies.tolist()
    assert (nearest[copies] >= NEAR).all()
    assert (nearest[20:-20] < 0.6).all()
