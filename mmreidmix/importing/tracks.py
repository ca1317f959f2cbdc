"""Boxes linked to tracks by the package ``trackers``."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np

from .boxes import Boxes

#: Assumed where the rate of the frames is not known.
_USUAL_RATE = 30.0
# Intersection over union of a box and where its track is expected. With the
# 0.1 of the package tracks of people who cross pass from one to the other.
_LEAST_OVERLAP = 0.3
_MISSING = (
    'the boxes have no numbers of tracks, and the package that links them is '
    'not installed: pip install trackers (Python 3.10 or later), or give '
    '--tracks none, to import each box on its own')


def check_tracker() -> None:
    """Raise ImportError with what to do where boxes can not be linked."""
    try:
        import trackers  # noqa: F401
    except ImportError:
        raise ImportError(_MISSING) from None


def link_boxes(boxes: Boxes, rate: Optional[float]) -> np.ndarray:
    """Link the boxes of neighbouring frames to tracks by ByteTrack.

    The thresholds of the package are for scores between 0 and 1: a track
    begins with two boxes in turn, the first of 0.7 or more; weaker boxes only
    go on with tracks. Other scores are not looked at. A person who is not
    found for a second gets a new track.

    Args:
        boxes (Boxes): N boxes, sorted by frame.
        rate (float, optional): frames per second.

    Returns:
        np.ndarray: (N,) int64, tracks from 1; -1 for boxes in none.
    """
    check_tracker()
    import supervision
    from trackers import ByteTrackTracker
    rate = rate or _USUAL_RATE
    tracker = ByteTrackTracker(
        frame_rate=rate, minimum_iou_threshold=_LEAST_OVERLAP)
    corners = boxes.boxes.copy()
    corners[:, 2:] += corners[:, :2]
    scores = boxes.scores if boxes.probabilities else np.ones_like(
        boxes.scores)
    tracks = np.full(len(corners), -1, np.int64)
    frames, starts = np.unique(boxes.frames, return_index=True)
    before = frames[0] if len(frames) else 0
    for frame, here in zip(frames, np.split(
            np.arange(len(corners)), starts[1:])):
        # Frames without boxes; all tracks end in the gap of a second.
        for _ in range(min(frame - before - 1, math.ceil(rate) + 1)):
            tracker.update(supervision.Detections.empty())
        found = tracker.update(supervision.Detections(
            xyxy=corners[here], confidence=scores[here], class_id=here))
        tracks[found.class_id] = found.tracker_id
        before = frame
    return np.where(tracks >= 0, tracks + 1, -1)
