"""Boxes of a recording linked by trackers, and how well they were."""

from typing import Optional

import numpy as np

from mmreidmix.importing.boxes import Boxes


def link_by_deep_sort(boxes: Boxes, rows: Optional[np.ndarray],
                      max_distance: float) -> np.ndarray:
    """Tracks (N,) of boxes, -1 = none, by deep-sort-realtime.

    Args:
        boxes (Boxes): N boxes of detections.
        rows (np.ndarray, optional): (N, D) embeddings of unit length. None:
            random directions. Nobody is like anybody then, and boxes are
            joined by overlap from one frame to the next alone.
        max_distance (float): most 1 - cosine of the same person.
    """
    from deep_sort_realtime.deepsort_tracker import DeepSort
    if rows is None:
        rows = np.random.default_rng(0).standard_normal((len(boxes.frames),
                                                         512))
    tracker = DeepSort(embedder=None, max_cosine_distance=max_distance,
                       nn_budget=100, max_age=90)
    corners = boxes.corners
    places = np.hstack([corners[:, :2], boxes.boxes[:, 2:]])
    found = np.full(len(rows), -1)
    for frame in range(1, int(boxes.frames.max()) + 1):
        here = np.arange(*np.searchsorted(boxes.frames, [frame, frame + 1]))
        # The number of the box travels in the place of the class.
        tracks = tracker.update_tracks(
            [(places[i].tolist(), float(boxes.scores[i]), int(i))
             for i in here], embeds=list(rows[here]))
        for track in tracks:
            if track.is_confirmed() and not track.time_since_update:
                found[track.get_det_class()] = int(track.track_id)
    return found


def describe(tracks: np.ndarray) -> dict:
    """What can be said without the truth."""
    numbers, lengths = np.unique(tracks[tracks >= 0], return_counts=True)
    return dict(tracks=len(numbers), mean_boxes=float(lengths.mean()),
                share=float((tracks >= 0).mean()))


def compare(boxes: Boxes, tracks: np.ndarray, truth: Boxes) -> dict:
    """IDF1, identity switches and MOTA of motmetrics, at IoU 0.5."""
    import motmetrics
    import supervision
    accumulator = motmetrics.MOTAccumulator()
    for frame in np.unique(truth.frames):
        mine = np.flatnonzero((boxes.frames == frame) & (tracks >= 0))
        real = np.flatnonzero(truth.frames == frame)
        apart = 1 - supervision.box_iou_batch(
            truth.corners[real], boxes.corners[mine])
        accumulator.update(
            truth.tracks[real].tolist(), tracks[mine].tolist(),
            np.where(apart > 0.5, np.nan, apart), frameid=int(frame))
    summary = motmetrics.metrics.create().compute(
        accumulator, metrics=['idf1', 'num_switches', 'mota'])
    return {name: float(summary[name].iloc[0]) for name in summary}
