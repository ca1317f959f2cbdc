import numpy as np
import pytest

from mmreidmix.neighbours import camera_aware, normalise_rows
from mmreidmix.neighbours.camera_aware import knn_by_camera


def make_case(num=200, copies=0):
    rng = np.random.default_rng(3)
    features = rng.normal(size=(num, 16)).astype(np.float32)
    features[:copies] = features[0]
    cameras = rng.choice([2, 5, 9, 11], num)
    cameras[7] = 40  # the only image of its camera
    return normalise_rows(features), cameras


@pytest.mark.parametrize('copies', [0, 60])
@pytest.mark.parametrize('k_intra, k_inter', [(6, 9), (0, 3), (4, 0),
                                              (90, 300)])
def test_lists_hold_the_nearest_of_both_kinds(copies, k_intra, k_inter):
    unit, cameras = make_case(copies=copies)
    indices, sims, lowest = knn_by_camera(unit, cameras, k_intra, k_inter)
    products = (unit.double() @ unit.double().T).float().numpy()
    assert indices.shape == sims.shape == (200, 1 + k_intra + k_inter)
    np.testing.assert_allclose(lowest, products.min(1), atol=1e-6)
    for i, line in enumerate(products):
        assert (indices[i, 0], sims[i, 0]) == (i, 1)
        same = cameras == cameras[i]
        same[i] = False
        for part, mask in ((slice(1, 1 + k_intra), same),
                           (slice(1 + k_intra, None), cameras != cameras[i])):
            found = indices[i, part]
            best = np.sort(line[mask])[::-1][:len(found)]
            assert (found[len(best):] == 200).all()
            found = found[:len(best)]
            assert mask[found].all() and len(set(found)) == len(found)
            np.testing.assert_array_equal(sims[i, part][:len(best)], best)
            np.testing.assert_array_equal(line[found], best)


def test_rows_and_blocks_make_no_difference(monkeypatch):
    unit, cameras = make_case()
    whole = knn_by_camera(unit, cameras, 5, 8)
    monkeypatch.setattr(camera_aware, '_BLOCK_BYTES', 4 * 200 * 7)
    parts = [knn_by_camera(unit, cameras, 5, 8, rows=rows)
             for rows in ((0, 70), (70, 70), (70, 71), (71, 200))]
    for expected, *found in zip(whole, *parts):
        # The lowest similarity is a plain product, whose rounding differs.
        np.testing.assert_allclose(
            np.concatenate(found), expected, atol=1e-6)
