"""The order of colours, guessed by the batch norms of a model."""

import numpy as np
import pytest

from mmreidmix.apis import ReIDInferencer, likely_channel_order
from mmreidmix.apis.images import as_bgr, list_images
from mmreidmix.models.batch_norm import estimate_batch_norm, load_batch_norm


def used_to(inferencer, images):
    """Give the model the batch-norm statistics of RGB images."""
    model = inferencer.encoder.model
    batch = inferencer.encoder.normalise(
        [inferencer.prepare(image) for image in images])
    load_batch_norm(model, estimate_batch_norm(model, [batch]))
    return inferencer


def reddish(seed, count):
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 200, (count, 64, 32, 3), dtype=np.uint8)
                + np.uint8([55, 20, 0]))


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_the_order_is_that_of_the_images(checkpoint, order):
    inferencer = used_to(ReIDInferencer(
        checkpoint, device='cpu', amp=False, batch_size=3), reddish(0, 8))
    inferencer.prepare.channel_order = order  # what the user says
    rgb = reddish(1, 8)
    assert likely_channel_order(inferencer, rgb) == 'rgb'
    bgr = [image[..., ::-1] for image in rgb]
    assert likely_channel_order(inferencer, bgr) == 'bgr'


def test_real_crops(checkpoint, realdata):
    folder = realdata / 'market1501'
    images = [as_bgr(folder / name)[..., ::-1]
              for name in list_images(folder)[::40]]
    inferencer = used_to(ReIDInferencer(checkpoint, device='cpu', amp=False),
                         images[::2])
    assert likely_channel_order(inferencer, images[1::2]) == 'rgb'
    swapped = [image[..., ::-1] for image in images[1::2]]
    assert likely_channel_order(inferencer, swapped) == 'bgr'


@pytest.mark.parametrize('images', [[], ['a.jpg']])
def test_what_says_its_order_itself(checkpoint, images):
    with pytest.raises(ValueError, match='expected arrays, at least one'):
        likely_channel_order(ReIDInferencer(checkpoint, device='cpu'), images)


def test_an_export_has_no_batch_norms(checkpoint):
    pytest.importorskip('onnxscript')
    with pytest.raises(ValueError, match="it needs the backend 'torch'"):
        likely_channel_order(
            ReIDInferencer(checkpoint, backend='onnxruntime'), reddish(0, 1))
