"""What trackers of others call, in place of their own re-ID model.

Nothing of the trackers is imported: each adapter has the methods that its
tracker calls. BoxMOT and Ultralytics are under the AGPL.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Optional

import numpy as np
import torch

from .embedder import TrackerEmbedder
from .rows import filled_rows, rows_or_none


class RoboflowModel:
    """In place of ``reid.ReIDModel`` of Roboflow, for its trackers.

    Args:
        embedder (TrackerEmbedder): embeds the boxes.

    Source: https://github.com/roboflow/reid, of 0.1.
    """

    def __init__(self, embedder: TrackerEmbedder):
        self.embedder = embedder

    def extract_embeddings(self, detections: Any, frame: np.ndarray, *,
                           batch_size: Optional[int] = None) -> np.ndarray:
        """Embed detections.

        Args:
            detections (supervision.Detections): or what else has ``xyxy``.
            frame (np.ndarray): see :meth:`TrackerEmbedder.__call__`.
            batch_size (int, optional): not used; the embedder has its own.

        Returns:
            np.ndarray: (n, dim) float32, see
            :meth:`TrackerEmbedder.__call__`.
        """
        return self.embedder(frame, detections.xyxy)


class UltralyticsEncoder:
    """The encoder of BoT-SORT and other trackers of Ultralytics.

    Args:
        embedder (TrackerEmbedder): of BGR frames.

    Raises:
        ValueError: it is of RGB frames.

    Source: ``ultralytics/trackers/utils/reid.py``, of 8.4.
    """

    def __init__(self, embedder: TrackerEmbedder):
        self.embedder = _of_bgr(embedder)

    def __call__(self, img: np.ndarray,
                 dets: Any) -> list[Optional[np.ndarray]]:
        """Embed detections.

        Args:
            img (np.ndarray): frame, BGR.
            dets: (n, 4 or more) x and y of the centre, width, height, ...

        Returns:
            list: of each an embedding (dim,), or None where there is none.
        """
        boxes = np.asarray(dets, np.float64)
        if not boxes.size:
            return []
        centre, size = boxes[:, :2], boxes[:, 2:4]
        return rows_or_none(self.embedder(
            img, np.hstack([centre - size / 2, centre + size / 2])))

    def attach(self, tracker: Any) -> None:
        """Make a tracker, such as BOTSORT, use this encoder.

        Its settings must have ``with_reid: False``: with True, Ultralytics
        loads a model of its own first.
        """
        tracker.encoder = self
        tracker.args.with_reid = True
        # With 'auto' the tracker would hand over no frame.
        tracker.args.model = 'mmreidmix'


class BoxMOTEncoder:
    """The re-ID model of BoxMOT: ``AppearanceEncoder``, and `reid_model`.

    BoxMOT refuses embeddings of no length, so boxes without one get a random
    direction, which is unlike everybody.

    Args:
        embedder (TrackerEmbedder): of BGR frames.

    Raises:
        ValueError: it is of RGB frames.

    Attributes:
        embedding_dim (int): length of an embedding.
        requirements: `masks` is False: none are needed.

    Source: ``boxmot/reid/protocols.py``, of 25.0.
    """

    def __init__(self, embedder: TrackerEmbedder):
        self.embedder = _of_bgr(embedder)
        self.embedding_dim = embedder.dim
        self.requirements = SimpleNamespace(masks=False)
        self._generator = np.random.default_rng(0)

    def encode(self, frames: Sequence,
               detections: Sequence) -> list[torch.Tensor]:
        """Embed the detections of frames.

        Args:
            frames (Sequence[boxmot.structures.Frame]): RGB, (3, H, W).
            detections (Sequence[boxmot.structures.Detections]): of each.

        Returns:
            list[Tensor]: of each frame (n, dim) float32.

        Raises:
            ValueError: there are not detections for each frame, or their
                boxes are rotated.
        """
        if len(frames) != len(detections):
            raise ValueError(f'{len(frames)} frames and detections of '
                             f'{len(detections)}: expected one of each')
        found = []
        for frame, boxes in zip(frames, detections):
            if boxes.is_obb:
                raise ValueError('rotated boxes can not be embedded')
            image = frame.image.permute(1, 2, 0).numpy()[..., ::-1]
            found.append(torch.from_numpy(
                self.get_features(boxes.geometry.values, image)))
        return found

    def get_features(self, xyxys: Any, img: np.ndarray) -> np.ndarray:
        """Embed boxes (n, 4) of a frame, BGR: (n, dim) float32."""
        return filled_rows(self.embedder(img, xyxys), self._generator)


class DeepSortRealtime:
    """Embeddings for ``DeepSort(embedder=None)`` of deep-sort-realtime.

    The tracker divides by the length of embeddings, so boxes without one get
    a random direction, which is unlike everybody.

    Args:
        embedder (TrackerEmbedder): embeds the boxes.

    Source: ``deep_sort_realtime/deepsort_tracker.py``, of 1.3.
    """

    def __init__(self, embedder: TrackerEmbedder):
        self.embedder = embedder
        self._generator = np.random.default_rng(0)

    def __call__(self, frame: np.ndarray,
                 detections: Sequence) -> list[np.ndarray]:
        """The argument `embeds` of ``DeepSort.update_tracks``.

        Args:
            frame (np.ndarray): see :meth:`TrackerEmbedder.__call__`.
            detections (Sequence): of tuples whose first is left, top, width
                and height.

        Returns:
            list[np.ndarray]: embeddings (dim,) of the detections that have a
            width and a height: ``update_tracks`` drops all others first.
        """
        boxes = np.array([d[0] for d in detections if d[0][2] > 0 and (
            d[0][3] > 0)], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return list(filled_rows(self.embedder(frame, boxes), self._generator))


def norfair_distance(new: Any, old: Any) -> float:
    """The `reid_distance_function` of ``norfair.Tracker``.

    Args:
        new (norfair.tracker.TrackedObject): an object that begins.
        old (norfair.tracker.TrackedObject): one that was lost.

    Returns:
        float: 1 - cosine of the last embedding of `new` and the nearest of
        `old`; 2, which is the most there is, where one has none.
    """
    first = new.last_detection.embedding
    others = [detection.embedding
              for detection in (old.last_detection, *old.past_detections)
              if detection.embedding is not None]
    if first is None or not others:
        return 2.0
    return 1.0 - float(np.max(np.stack(others) @ first))


def _of_bgr(embedder: TrackerEmbedder) -> TrackerEmbedder:
    if embedder.color != 'bgr':
        raise ValueError('the frames of this tracker are BGR: make the '
                         "TrackerEmbedder with color='bgr'")
    return embedder
