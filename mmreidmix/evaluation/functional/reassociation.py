"""Whether people are found again after a gap, as a tracker has to.

A query is a person in a frame; its candidates are all people exactly
`gap` frames later in the same recording, of which one is the same person.

Source: ``ReassociationProtocol`` of https://github.com/roboflow/reid, whose
gap is 30 frames with queries in frames divisible by 60.
"""

from dataclasses import dataclass

import numpy as np

from mmreidmix.checks import check_count


@dataclass(frozen=True)
class Reassociation:
    """Scores over all queries.

    Attributes:
        rank1 (float): share of queries whose nearest candidate is the same
            person, 0 to 1.
        mrr (float): mean over the queries of 1 / rank of the same person.
        queries (int): queries that count.
        candidates (float): mean number of candidates.
        no_later_frame (int): queries left out, with no box `gap` frames later.
        one_candidate (int): those with one candidate there.
        not_there (int): those whose person is not there.
    """

    rank1: float
    mrr: float
    queries: int
    candidates: float
    no_later_frame: int
    one_candidate: int
    not_there: int


def reassociate(embeddings: np.ndarray, frames: np.ndarray,
                tracks: np.ndarray, gap: int = 30,
                stride: int = 60) -> Reassociation:
    """Score the embeddings of the boxes of one recording.

    A candidate that is as near as the same person counts as nearer: equal
    embeddings are no success.

    Args:
        embeddings (np.ndarray): (N, D) of unit length.
        frames (np.ndarray): (N,) numbers of the frames.
        tracks (np.ndarray): (N,) the person of each box, -1 = unknown, who
            is left out.
        gap (int): frames between query and candidates.
        stride (int): queries are in frames that it divides.

    Raises:
        ValueError: an option is out of its range, a person is twice in a
            frame, or no query is left.
    """
    check_count('reassociation', 1, gap=gap, stride=stride)
    known = tracks >= 0
    embeddings, frames, tracks = (
        values[known] for values in (embeddings, frames, tracks))
    _check_once(frames, tracks)
    rows = {frame: np.flatnonzero(frames == frame)
            for frame in np.unique(frames).tolist()}
    ranks, counts = [], []
    skipped = dict(no_later_frame=0, one_candidate=0, not_there=0)
    for frame in (frame for frame in rows if frame % stride == 0):
        later = rows.get(frame + gap, np.empty(0, np.int64))
        for query in rows[frame].tolist():
            reason = _reason(later, tracks, query)
            if reason:
                skipped[reason] += 1
                continue
            scores = embeddings[later] @ embeddings[query]
            same = tracks[later] == tracks[query]
            ranks.append(int((scores >= scores[same]).sum()))
            counts.append(len(later))
    if not ranks:
        raise ValueError(
            f'no person of a frame divisible by {stride} is seen {gap} frames '
            'later beside somebody else; choose another gap or stride')
    return Reassociation(
        float(np.mean(np.array(ranks) == 1)), float(np.mean(1 / np.array(
            ranks))), len(ranks), float(np.mean(counts)), **skipped)


def needed_boxes(frames: np.ndarray, gap: int = 30,
                 stride: int = 60) -> np.ndarray:
    """(N,) bool, the boxes whose embeddings :func:`reassociate` reads."""
    return (frames % stride == 0) | ((frames - gap) % stride == 0)


def _check_once(frames: np.ndarray, tracks: np.ndarray) -> None:
    pairs, counts = np.unique(np.column_stack([frames, tracks]), axis=0,
                              return_counts=True)
    if (counts > 1).any():
        frame, track = pairs[counts.argmax()].tolist()
        raise ValueError(f'track {track} has {counts.max()} boxes in frame '
                         f'{frame}; expected one')


def _reason(later: np.ndarray, tracks: np.ndarray, query: int) -> str:
    """Why a query is left out, '' if it counts."""
    if len(later) < 2:
        return 'one_candidate' if len(later) else 'no_later_frame'
    return '' if tracks[query] in tracks[later] else 'not_there'
