"""Cameras of a mixture, whatever the domains call them."""

import numpy as np
import pytest

from tests.test_engine.tiny_run import mixture_of


def test_cameras_are_unique_over_domains():
    mixture = mixture_of(one=('labelled', [0, 1, 2], [0, 2, 0]),
                         two=('unlabelled', [0, 0, 0], [5, 3, 5]))
    cameras = mixture.unique_camids()
    assert cameras.tolist() == [0, 2, 0, 5, 3, 5]
    assert cameras.dtype == np.int64


def test_cameras_begin_at_zero():
    mixture = mixture_of(one=('labelled', [0, 1], [7, 6]),
                         two=('labelled', [0, 1], [6, 6]))
    assert mixture.unique_camids().tolist() == [1, 0, 2, 2]
    assert mixture.camids.tolist() == [7, 6, 6, 6]


def test_identities_of_one_camera_are_counted():
    # Identity 8 is seen by one camera only, and so is 6 of the other domain.
    mixture = mixture_of(multi=('labelled', [5, 5, 6, 6, 7, 7, 8, 8],
                                [0, 1, 0, 1, 1, 2, 2, 2]),
                         other=('labelled', [5, 5, 6], [0, 1, 1]),
                         single=('unlabelled', [0] * 3, [0, 1, 2]))
    text = mixture.single_camera_identities()
    assert text.startswith('2 of 6 labelled identities are seen by one '
                           'camera only: CameraCentroidsLoss.fallback')


@pytest.mark.parametrize('clusters', [[-1] * 3, [0, 0, 1]])
def test_clusters_and_images_of_nobody_are_not_counted(clusters):
    mixture = mixture_of(multi=('labelled', [5, 5, -1], [0, 1, 2]),
                         single=('unlabelled', [0] * 3, [0] * 3))
    mixture.label_table.assign({1: np.array(clusters)})
    assert mixture.single_camera_identities() == ''


def test_no_labelled_domain():
    mixture = mixture_of(single=('unlabelled', [0] * 3, [0] * 3))
    assert mixture.single_camera_identities() == ''
