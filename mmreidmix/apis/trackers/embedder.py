"""Embeddings of the boxes of a frame, for trackers."""

from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.checks import check_choice
from mmreidmix.importing.boxes import clip_corners

from .frames import as_corners, as_frame
from .gate import Gate


class TrackerEmbedder:
    """Embeds people in the boxes of a frame.

    A row is zero where :meth:`check` gives a reason: the box has no pixel in
    the frame, or the gate refuses it. A box never raises an error. All others
    have unit length and are what :class:`ReIDInferencer` gives for the crop;
    corners are rounded to whole pixels and cut at the border.

    Args:
        model (str | Path): see :class:`ReIDInferencer`.
        device (str, optional): likewise.
        color (str): of the frames: 'bgr', as OpenCV reads them, or 'rgb'.
        batch_size (int): boxes per forward pass.
        gate (Gate, optional): which boxes are good enough. Defaults to all
            that have a pixel.
        **options: further ones of :class:`ReIDInferencer`, such as `weights`,
            `backend` and `profiles`.

    Raises:
        FileNotFoundError, ValueError: see :class:`ReIDInferencer`.

    Attributes:
        dim (int): length of an embedding.
        inferencer (ReIDInferencer): embeds the crops.

    For instance::

        embed = TrackerEmbedder('epoch_60.pth', color='bgr')
        embed(frame, [[10, 20, 60, 180]])  # (1, 512)
    """

    def __init__(self, model: Union[str, Path], device: Optional[str] = None,
                 color: str = 'bgr', batch_size: int = 32,
                 gate: Optional[Gate] = None, **options: Any):
        check_choice(self, ('bgr', 'rgb'), color=color)
        self.color = color
        self.gate = gate or Gate()
        self.inferencer = ReIDInferencer(
            model, device=device, batch_size=batch_size, channel_order=color,
            **options)
        self.dim = self._embed_black(1).shape[1]

    def warm_up(self) -> None:
        """Embed a black batch, so that the first frame does not wait."""
        self._embed_black(self.inferencer.batch_size)

    def _embed_black(self, num: int) -> np.ndarray:
        return self.inferencer([np.zeros((128, 64, 3), np.uint8)] * num)

    def __call__(self, frame: np.ndarray, boxes: Any) -> np.ndarray:
        """Embed the boxes of a frame.

        Args:
            frame (np.ndarray): (H, W, 3), uint8, in the order of `color`; or
                grey, (H, W) or (H, W, 1).
            boxes: (n, 4) x1, y1, x2, y2 in pixels, of any number type; the
                first pixel begins at 0.

        Returns:
            np.ndarray: (n, dim) float32; of unit length, or zero where
            :meth:`check` gives a reason.

        Raises:
            ValueError: the frame is none, or the boxes are of another shape.
        """
        frame, corners = as_frame(frame), as_corners(boxes)
        kept = [i for i, reason in enumerate(self._reasons(frame, corners))
                if reason is None]
        rows = np.zeros((len(corners), self.dim), np.float32)
        if kept:
            parts = clip_corners(corners[kept], *frame.shape[:2])
            rows[kept] = self.inferencer([
                frame[top:bottom, left:right]
                for left, top, right, bottom in parts])
        return rows

    def check(self, frame: np.ndarray, boxes: Any) -> list[Optional[str]]:
        """Why boxes have no embedding.

        Args:
            frame (np.ndarray): see :meth:`__call__`.
            boxes: likewise.

        Returns:
            list: of each box a reason, or None where it has an embedding.
        """
        return self._reasons(as_frame(frame), as_corners(boxes))

    def _reasons(self, frame: np.ndarray,
                 corners: np.ndarray) -> list[Optional[str]]:
        return self.gate.reasons(corners, *frame.shape[:2])
