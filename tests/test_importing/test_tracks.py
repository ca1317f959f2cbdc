import numpy as np
import pytest

from mmreidmix.importing.boxes import make_boxes
from mmreidmix.importing.tracks import link_boxes

pytest.importorskip('trackers')


def boxes_of(rows, score=1):
    """Boxes of rows (frame, x)."""
    return make_boxes([(frame, -1, x, 1, 20, 50, score, 1)
                       for frame, x in rows])


def test_two_people_who_walk_are_told_apart():
    rows = [(frame, x) for frame in range(1, 9)
            for x in (2 * frame, 200 - 3 * frame)[::-1 if frame % 2 else 1]]
    tracks = link_boxes(boxes_of(rows), 10)
    first = np.array([x < 100 for _, x in rows])
    assert set(tracks[first][1:]) == {1} or set(tracks[first][1:]) == {2}
    assert set(tracks[first][1:]) != set(tracks[~first][1:])
    assert len(set(tracks[~first][1:])) == 1
    assert tracks[first][0] == tracks[~first][0] == -1


@pytest.mark.parametrize('rate, seconds, same', [
    (10, 0.5, True), (10, 2, False), (2, 0.5, True), (30, 1000, False)])
def test_a_person_who_is_away(rate, seconds, same):
    gap = round(rate * seconds)
    rows = [(frame, 50) for frame in (1, 2, 3, 3 + gap, 4 + gap, 5 + gap)]
    tracks = link_boxes(boxes_of(rows), rate)
    assert (tracks[2] == tracks[5]) == same
    assert tracks[5] >= 1


@pytest.mark.parametrize('score, linked', [(0.9, True), (0.4, False),
                                           (-3, True), (30, True)])
def test_scores_of_another_kind_are_not_looked_at(score, linked):
    tracks = link_boxes(boxes_of([(1, 5), (2, 6), (3, 7)], score), None)
    assert (tracks[1:] == 1).all() if linked else (tracks == -1).all()


def test_no_boxes():
    assert link_boxes(boxes_of([]), 10).tolist() == []
