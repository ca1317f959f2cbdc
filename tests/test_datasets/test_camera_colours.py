"""The colours of other cameras, beside a plain formula."""

import numpy as np
import pytest

from mmreidmix.datasets.transforms import CameraColours

GREY = np.array([0.114, 0.587, 0.299])


def reference(image, brightness, contrast, saturation, gains):
    x = image.astype(float)
    grey = (x @ GREY)[..., None]
    x = (saturation * x + (1 - saturation) * grey) * brightness * gains
    middle = (x @ GREY).mean()
    x = contrast * x + (1 - contrast) * middle
    return np.clip(np.rint(x), 0, 255)


def image(seed=0):
    return np.random.default_rng(seed).integers(
        0, 256, (7, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize('factors', [
    (1.3, 1, 1, (1, 1, 1)), (1, 0.6, 1, (1, 1, 1)), (1, 1, 0, (1, 1, 1)),
    (1, 1, 1, (0.85, 1, 1.15)), (0.7, 1.4, 0.6, (1.1, 0.9, 1)),
])
def test_each_factor_does_what_it_says(factors):
    *single, gains = factors
    gains = np.array(gains)
    changed = CameraColours.change(image(), *single, gains)
    assert changed.dtype == np.uint8
    difference = changed - reference(image(), *single, gains)
    assert np.abs(difference).max() <= 1


def test_no_change():
    same = CameraColours.change(image(), 1, 1, 1, np.ones(3))
    assert np.array_equal(same, image())


def test_it_follows_the_seed_and_the_share():
    def run(seed, **options):
        np.random.seed(seed)
        return CameraColours(**options)(dict(img=image()))['img']

    assert np.array_equal(run(1, prob=1), run(1, prob=1))
    assert not np.array_equal(run(1, prob=1), run(2, prob=1))
    assert np.array_equal(run(1, prob=0), image())


@pytest.mark.parametrize('option', [dict(brightness=-1), dict(prob=1.5)])
def test_wrong_options(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        CameraColours(**option)
