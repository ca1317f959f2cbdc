import numpy as np
import pytest

from mmreidmix.visualization import activation_map as module
from mmreidmix.visualization import draw_activation_maps, overlay


def test_blue_is_lowest_and_red_is_highest():
    image = np.zeros((8, 4, 3), np.uint8)
    heat = np.zeros((2, 1), np.float32) - 5
    heat[1] = 7
    shown = overlay(image, heat, opacity=1)
    assert shown.shape == image.shape and shown.dtype == np.uint8
    red, _, blue = shown.transpose(2, 0, 1).astype(int)
    assert (blue[0] > 100).all() and (red[0] == 0).all()
    assert (red[-1] > 100).all() and (blue[-1] == 0).all()


def test_opacity_mixes():
    image = np.full((4, 4, 3), 200, np.uint8)
    heat = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(overlay(image, heat, 0), image)
    half = overlay(image, heat, .5).astype(float)
    full = overlay(image, heat, 1).astype(float)
    assert np.abs(half - (full + 200) / 2).max() <= .5


def test_colours_do_not_depend_on_the_range():
    image = np.full((4, 4, 3), 9, np.uint8)
    heat = np.random.default_rng(0).random((4, 4))
    np.testing.assert_array_equal(
        overlay(image, heat), overlay(image, 3 * heat - 40))
    flat = overlay(image, np.full((2, 2), .3), 1)
    assert (flat == flat[0, 0]).all() and flat[0, 0, 2] > 100


class Recorder:

    def __init__(self, rows, columns, size, title='', lines=2, gaps=()):
        self.shape, self.gaps = (rows, columns), list(gaps)
        self.columns, self.pasted = [], {}
        self.pixels = self

    def name_column(self, column, text):
        self.columns.append(text)

    def paste(self, row, column, image, colour, notes=()):
        self.pasted[row, column] = image, notes


def test_each_image_stands_beside_its_maps(monkeypatch):
    monkeypatch.setattr(module, 'Sheet', Recorder)
    images = [np.full((4, 2, 3), i, np.uint8) for i in range(3)]
    maps = {name: np.random.default_rng(i).random((3, 2, 1))
            for i, name in enumerate(('grad-cam', 'attention'))}
    sheet = draw_activation_maps(images, maps, notes='abc', per_row=2)
    assert sheet.shape == (2, 6) and sheet.gaps == [3]
    assert sheet.columns == ['image', 'grad-cam', 'attention'] * 2
    assert sorted(sheet.pasted) == [
        (0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0), (1, 1),
        (1, 2)]
    image, notes = sheet.pasted[0, 3]
    assert (image == 1).all() and notes == ['b']
    image, notes = sheet.pasted[1, 2]
    heat = maps['attention'][2]
    np.testing.assert_array_equal(image, overlay(images[2], heat))
    assert notes == [f'{heat.min():.2g} to {heat.max():.2g}']


def test_a_picture_of_few_images():
    images = [np.zeros((8, 4, 3), np.uint8)]
    picture = draw_activation_maps(images, dict(a=np.zeros((1, 2, 1))))
    assert picture.dtype == np.uint8 and picture.shape[2] == 3


def test_bad_input():
    images = [np.zeros((8, 4, 3), np.uint8)] * 2
    with pytest.raises(ValueError, match=r"2 images and maps of \{'a': 1\}"):
        draw_activation_maps(images, dict(a=np.zeros((1, 2, 1))))
    with pytest.raises(ValueError, match='at least one image'):
        draw_activation_maps([], dict(a=np.zeros((0, 2, 1))))
