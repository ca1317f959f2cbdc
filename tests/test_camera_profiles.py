"""Camera profiles against NumPy formulas over all images at once."""

import numpy as np
import pytest

from mmreidmix.camera_profiles import EXPONENT, CameraProfiles
from tests.oracles import unit

RNG = np.random.default_rng(0)
ROWS = unit(RNG.normal(size=(60, 6)) + np.repeat(np.eye(3, 6) * 4, 20, axis=0))
CAMERAS = np.repeat([10, 2, 7], [30, 25, 5])


def standardised(rows, mean, variance):
    return unit((rows - mean) / variance**(EXPONENT / 2))


def site_of(rows):
    """Mean and variance of a site, with an image that changes nothing."""
    rows = rows.astype(np.float64)
    num, width = rows.shape
    return (num * rows.mean(0) / (num + 1),
            (num * rows.var(0) + 1 / width) / (num + 1))


def test_each_camera_by_its_own_mean_and_deviation():
    found = CameraProfiles.from_embeddings(ROWS, CAMERAS, 0).apply(
        ROWS, CAMERAS)
    assert found.dtype == np.float32
    for camera in (10, 2, 7):
        own = ROWS[camera == CAMERAS].astype(np.float64)
        np.testing.assert_allclose(
            found[camera == CAMERAS],
            standardised(own, own.mean(0), own.var(0)), atol=1e-5)


def test_few_images_are_drawn_towards_the_site():
    found = CameraProfiles.from_embeddings(ROWS, CAMERAS, 15).apply(
        ROWS, CAMERAS)
    own, (mean, variance) = ROWS[55:].astype(np.float64), site_of(ROWS)
    np.testing.assert_allclose(
        found[55:], standardised(
            own, own.mean(0) / 4 + mean * 3 / 4,
            own.var(0) / 4 + variance * 3 / 4), atol=1e-5)


def test_an_unknown_camera_gets_the_site():
    np.testing.assert_allclose(
        CameraProfiles.from_embeddings(ROWS, CAMERAS).apply(
            ROWS[:4], ['1', '8', '70', '']),
        standardised(ROWS[:4], *site_of(ROWS)), atol=1e-5)


def test_cameras_are_known_by_their_text():
    profiles = CameraProfiles.from_embeddings(ROWS, CAMERAS)
    assert profiles.cameras.tolist() == ['10', '2', '7']
    assert profiles.counts.tolist() == [30, 25, 5]
    np.testing.assert_array_equal(
        profiles.apply(ROWS, CAMERAS),
        profiles.apply(ROWS, CAMERAS.astype(str)))


def test_further_images_as_if_all_had_come_at_once():
    order = RNG.permutation(60)
    rows, cameras = ROWS[order], CAMERAS[order]
    profiles = CameraProfiles.from_embeddings(rows[:3], cameras[:3], 2)
    for begin, end in ((3, 4), (4, 30), (30, 60)):
        profiles = profiles.updated(rows[begin:end], cameras[begin:end])
    once = CameraProfiles.from_embeddings(rows, cameras, 2)
    for name in ('cameras', 'counts', 'pseudo_count'):
        np.testing.assert_array_equal(
            getattr(profiles, name), getattr(once, name))
    for name in ('means', 'variances'):
        np.testing.assert_allclose(
            getattr(profiles, name), getattr(once, name), atol=1e-12)


@pytest.mark.parametrize('pseudo_count', [0, 5])
@pytest.mark.parametrize('num', [1, 4, 1000])
def test_rows_that_are_all_alike_stay(pseudo_count, num):
    rows, cameras = np.repeat(ROWS[:1], num, axis=0), np.zeros(num, int)
    found = CameraProfiles.from_embeddings(
        rows, cameras, pseudo_count).apply(rows, cameras)
    np.testing.assert_allclose(found, rows, atol=1e-6)


def test_a_site_of_a_single_image_changes_little():
    """All are moved alike, and no dimension is stretched."""
    found = CameraProfiles.from_embeddings(ROWS[:1], ['1']).apply(
        ROWS[1:], ['2'] * 59)
    np.testing.assert_allclose(
        found, unit(ROWS[1:] - ROWS[0] / 2), atol=1e-6)


def test_a_dimension_that_never_changes_does_no_harm():
    rows = ROWS.copy()
    rows[:, 2] = 0
    profiles = CameraProfiles.from_embeddings(rows, CAMERAS)
    found = profiles.apply(rows, CAMERAS)
    assert (found[:, 2] == 0).all()
    assert np.isfinite(profiles.apply(ROWS, CAMERAS)).all()


def test_one_image_of_a_camera():
    cameras = np.append(CAMERAS[:-1], 99)
    found = CameraProfiles.from_embeddings(ROWS, cameras).apply(ROWS, cameras)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)


def test_rows_are_not_changed():
    rows = ROWS.copy()
    CameraProfiles.from_embeddings(rows, CAMERAS).apply(rows, CAMERAS)
    np.testing.assert_array_equal(rows, ROWS)


@pytest.mark.parametrize('rows,cameras,message', [
    (ROWS, CAMERAS[:-1], r'got shapes \(60, 6\) and \(59,\)'),
    (ROWS[0], CAMERAS[:6], 'a camera of each'),
    (ROWS[:0], CAMERAS[:0], 'there is no image'),
])
def test_images_without_cameras(rows, cameras, message):
    with pytest.raises(ValueError, match=message):
        CameraProfiles.from_embeddings(rows, cameras)


def test_another_width():
    profiles = CameraProfiles.from_embeddings(ROWS, CAMERAS)
    for method in (profiles.apply, profiles.updated):
        with pytest.raises(ValueError, match='5 wide, the camera profiles 6'):
            method(ROWS[:, :5], CAMERAS)


@pytest.fixture
def saved(tmp_path):
    """A file of profiles, and what is in it."""
    profiles = CameraProfiles.from_embeddings(
        ROWS, CAMERAS, 3, site='station', model='abc',
        batch_norm={'backbone.bn.running_mean': np.arange(3.)})
    profiles.save(tmp_path / 'station.npz')
    return tmp_path / 'station.npz', profiles


def test_a_file_gives_back_what_was_saved(saved):
    file, profiles = saved
    loaded = CameraProfiles.load(file)
    for name, value in vars(profiles).items():
        np.testing.assert_equal(getattr(loaded, name), value)
    np.testing.assert_array_equal(
        loaded.apply(ROWS, CAMERAS), profiles.apply(ROWS, CAMERAS))
    assert loaded.updated(ROWS, CAMERAS).site == 'station'


def test_another_model_is_refused(saved):
    profiles = CameraProfiles.load(saved[0])
    profiles.check_model('abc')
    profiles.check_model(None)
    with pytest.raises(ValueError, match="'station' were made with the mode"):
        profiles.check_model('abd')


@pytest.mark.parametrize('changes,message', [
    (dict(means=None), r"lacks the arrays \['means'\]"),
    (dict(format_version=np.array(2)), 'another version than 1'),
    (dict(counts=np.ones(2, int)), 'do not fit together'),
    (dict(cameras=np.array(['2', '10', '7'])), 'do not fit together'),
    (dict(cameras=np.arange(3)), 'do not fit together'),
    (dict(variances=-np.ones((3, 6))), 'variances at least 0'),
    (dict(means=np.full((3, 6), np.nan)), 'means finite'),
    (dict(cameras=np.array([{}, 1, 2], object)), 'broken or no .npz'),
])
def test_a_file_of_something_else(saved, changes, message):
    file, _ = saved
    with np.load(file) as arrays:
        content = {**arrays, **changes}
    np.savez(file, **{k: v for k, v in content.items() if v is not None})
    with pytest.raises(ValueError, match=message):
        CameraProfiles.load(file)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='tools/gallery/camera_pro'):
        CameraProfiles.load(tmp_path / 'none.npz')


def test_a_wrong_pseudo_count():
    with pytest.raises(ValueError, match='pseudo_count must be at least 0'):
        CameraProfiles.from_embeddings(ROWS, CAMERAS, -1)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_embeddings_that_are_no_numbers(bad):
    rows = np.eye(4, dtype=np.float32)
    cameras = np.array(['a', 'a', 'b', 'b'])
    profiles = CameraProfiles.from_embeddings(rows, cameras)
    rows[2, 1] = bad
    for make in (CameraProfiles.from_embeddings, profiles.apply):
        with pytest.raises(ValueError, match=(
                'embeddings of 1 images hold NaN or infinity: indices 2;')):
            make(rows, cameras)
