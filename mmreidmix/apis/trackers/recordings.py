"""Embeddings of all boxes of a recording, and as a file for DeepSORT."""

from pathlib import Path
from typing import Union

import numpy as np

from mmreidmix.files import replace_file
from mmreidmix.importing.recordings import Recording, frames_of

from .embedder import TrackerEmbedder
from .rows import filled_rows


def embed_recording(embedder: TrackerEmbedder,
                    recording: Recording) -> np.ndarray:
    """Embed the boxes of a recording, frame by frame.

    Args:
        embedder (TrackerEmbedder): of BGR frames.
        recording (Recording): with N boxes, see :func:`read_recording`.

    Returns:
        np.ndarray: (N, dim) float32, see :meth:`TrackerEmbedder.__call__`, in
        the order of the boxes.

    Raises:
        ValueError: the embedder is of RGB frames, or a frame can not be read.
    """
    if embedder.color != 'bgr':
        raise ValueError('frames of recordings are BGR: make the '
                         "TrackerEmbedder with color='bgr'")
    boxes = recording.boxes
    corners = boxes.corners
    rows = np.zeros((len(corners), embedder.dim), np.float32)
    for frame, image in frames_of(recording, set(boxes.frames.tolist())):
        here = slice(*np.searchsorted(boxes.frames, [frame, frame + 1]))
        rows[here] = embedder(image, corners[here])
    return rows


def write_deep_sort(out: Union[str, Path], embedder: TrackerEmbedder,
                    recording: Recording) -> int:
    """Write the detections of a recording with their embeddings.

    The file is a float32 array (N, 10 + dim): the ten columns of a
    ``det.txt`` of MOTChallenge, then the embedding. A box without embedding
    gets a random direction, because DeepSORT divides by the length.

    Args:
        out (str | Path): file to write, ``.npy``.
        embedder (TrackerEmbedder): of BGR frames.
        recording (Recording): with N boxes, see :func:`read_recording`.

    Returns:
        int: boxes without an embedding, see :meth:`TrackerEmbedder.check`.

    Raises:
        ValueError: see :func:`embed_recording`.

    Source: ``tools/generate_detections.py`` of
    https://github.com/nwojke/deep_sort.
    """
    rows = embed_recording(embedder, recording)
    boxes = recording.boxes
    table = np.column_stack([
        boxes.frames, boxes.tracks, boxes.boxes, boxes.scores,
        np.full((len(rows), 3), -1),
        filled_rows(rows, np.random.default_rng(0))]).astype(np.float32)
    replace_file(out, lambda stream: np.save(stream, table))
    return int((~rows.any(axis=1)).sum())
