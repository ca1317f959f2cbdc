"""Exports compared with PyTorch, on pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmreidmix.apis.images import Preparation, as_bgr, list_images
from mmreidmix.apis.inferencer import ReIDInferencer

#: Lowest cosine of an embedding to PyTorch's, in 32 and in 16 bits.
LOWEST = dict(fp32=0.9999, fp16=0.999)
#: The same of pictures that the graph resizes, which rounds once.
LOWEST_RESIZED = 0.99


def sample(folder: Path, count: int) -> list[Path]:
    """Pictures at equal steps of the sorted list.

    Raises:
        FileNotFoundError: there is no such folder, or no picture in it.
    """
    names = list_images(folder)
    chosen = np.unique(np.linspace(0, len(names) - 1, count).astype(int))
    return [folder / names[i] for i in chosen]


def check_graph(encoder: Callable, inferencer: ReIDInferencer,
                pictures: Sequence[Path]) -> str:
    """Compare a graph with PyTorch.

    On pictures that are prepared as in training; where it takes any size
    also on pictures as they are, which it resizes itself.

    Args:
        encoder (OnnxEncoder | OpenVinoEncoder | ProgramEncoder): of the graph.
        inferencer (ReIDInferencer): of the model in PyTorch.
        pictures (Sequence[Path]): to compare on.

    Returns:
        str: what was found.

    Raises:
        ValueError: a cosine is too low.
    """
    prepare = Preparation(encoder.description['pipeline'])
    wanted = inferencer(pictures)
    texts = [compare('prepared', encoder([prepare(path) for path in pictures]),
                     wanted, LOWEST[encoder.precision])]
    form = encoder.description['input']
    if form['size'] is None and form['batch'] is None:
        rows = [encoder([as_bgr(path)]) for path in pictures]
        texts.append(compare(
            'as they are', np.concatenate(rows), wanted, LOWEST_RESIZED))
    return '\n'.join(texts)


def compare(name: str, rows: np.ndarray, wanted: np.ndarray,
            lowest: float) -> str:
    """Compare embeddings (N, D) of unit length.

    Args:
        name (str): what the pictures are, for the text.
        rows (np.ndarray): of the export.
        wanted (np.ndarray): of PyTorch.
        lowest (float): cosine that all must have.

    Returns:
        str: what was found.

    Raises:
        ValueError: a cosine is lower, or not a number.
    """
    cosine = (rows * wanted).sum(1)
    text = (f'{len(rows)} pictures {name}: cosine to PyTorch '
            f'{cosine.mean():.6f} on average, {cosine.min():.6f} at least; '
            f'largest difference {np.abs(rows - wanted).max():.1e}')
    if not cosine.min() >= lowest:
        raise ValueError('the exported model differs from PyTorch: '
                         f'{text}; no file is written')
    return text
