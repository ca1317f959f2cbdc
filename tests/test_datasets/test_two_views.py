import numpy as np
import pytest
import torch

from mmreidmix.datasets import PackReIDInputs
from mmreidmix.datasets.sample_key import seeded
from mmreidmix.registry import TRANSFORMS


def image(height=40, width=20):
    return np.random.default_rng(0).integers(
        0, 256, (height, width, 3), dtype=np.uint8)


def facts(**keys):
    return dict(dict.fromkeys(PackReIDInputs.META_KEYS, 0), **keys)


def build(**options):
    return TRANSFORMS.build(dict(type='TwoViews', **options))


def test_views_are_augmented_and_original():
    views = build(augmented=[dict(type='RandomFlip', prob=1.0)])
    results = views(facts(img=image()))
    assert results['img'].shape == (2, 40, 20, 3)
    np.testing.assert_array_equal(results['img'][0], image()[:, ::-1])
    np.testing.assert_array_equal(results['img'][1], image())
    assert 'flip' not in results
    packed = PackReIDInputs()(results)['inputs']
    assert packed.shape == (2, 3, 40, 20) and packed.dtype == torch.uint8
    np.testing.assert_array_equal(packed[1],
                                  image().transpose(2, 0, 1))


def test_a_transform_that_writes_does_not_reach_the_original():
    def blacken(results):
        results['img'][:] = 0
        return results

    views = build(augmented=[blacken])(facts(img=image()))['img']
    assert not views[0].any()
    np.testing.assert_array_equal(views[1], image())


def test_seed_decides_the_augmented_view():
    views = build(augmented=[
        dict(type='mmpretrain.RandomCrop', crop_size=(40, 20), padding=5)
    ])
    with seeded(3):
        first = views(facts(img=image()))['img']
    with seeded(3):
        again = views(facts(img=image()))['img']
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


def test_sizes_must_agree():
    views = build(
        augmented=[dict(type='Resize', scale=(10, 20))],
        original=[dict(type='Resize', scale=(10, 24))])
    with pytest.raises(ValueError, match=r'\(20, 10, 3\).*\(24, 10, 3\)'):
        views(facts(img=image()))
