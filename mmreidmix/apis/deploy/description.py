"""What an exported model says of itself, and how it is fed by that."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Optional

import numpy as np

#: key of the description in the metadata of an exported model
DESCRIPTION = 'mmreidmix'


def read_description(text: Optional[str], name: str) -> dict:
    """What an exported model says of itself.

    Args:
        text (str, optional): of its metadata.
        name (str): of the file, for messages.

    Raises:
        ValueError: it says nothing.
    """
    if text is None:
        raise ValueError(f'{name} was not exported by '
                         'tools/export/export_model.py: it does not say '
                         'how images are prepared')
    found = json.loads(text)
    # Files of earlier versions take nothing else.
    found.setdefault('input', dict(
        values='uint8', layout='NHWC', size=None, batch=None, colour='RGB'))
    return found


def precision_of(description: Mapping) -> str:
    """Number format: 'fp32', 'fp16' or 'int8'."""
    if 'quantized_from' in description['facts']:
        return 'int8'
    return description.get('precision', 'fp32')


def feed(images: Sequence[np.ndarray], form: Mapping) -> np.ndarray:
    """Images as an exported model takes them.

    Args:
        images (Sequence[np.ndarray]): B prepared images, BGR uint8 (H, W, 3).
        form (Mapping): 'input' of the description of the model, see
            :class:`InputForm`.

    Returns:
        np.ndarray: (B, H, W, 3) or (B, 3, H, W), uint8 or float32.
    """
    rgb = np.stack([image[..., ::-1] for image in images])
    if form['values'] == 'unit':
        rgb = rgb.astype(np.float32) / 255
    elif form['values'] == 'normalised':
        rgb = ((rgb - np.array(form['mean'])) / form['std']).astype(np.float32)
    if form['layout'] == 'NCHW':
        rgb = np.moveaxis(rgb, -1, 1)
    return np.ascontiguousarray(rgb)


def in_batches(run: Callable[[np.ndarray], np.ndarray], images: np.ndarray,
               size: Optional[int]) -> np.ndarray:
    """Embed by a model that takes batches of a fixed size, if it does.

    Args:
        run (Callable): from images to embeddings.
        images (np.ndarray): N images.
        size (int, optional): of a batch; None: any. The last batch is filled
            up with its first image.
    """
    if size is None:
        return run(images)
    rows = []
    for begin in range(0, len(images), size):
        batch = images[begin:begin + size]
        fill = np.repeat(batch[:1], size - len(batch), axis=0)
        rows.append(run(np.concatenate([batch, fill]))[:len(batch)].copy())
    return np.concatenate(rows)
