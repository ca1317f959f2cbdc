import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets.video.mot import (
    Boxes,
    clip_box,
    iou,
    link_boxes,
    read_boxes,
)


def boxes_of(rows):
    """Boxes of rows (frame, x, y, width, height)."""
    table = np.array(rows, float).reshape(-1, 5)
    one = np.ones(len(table))
    return Boxes(table[:, 0].astype(int), -one.astype(int), table[:, 1:], one,
                 one)


def written(tmp_path, text):
    path = tmp_path / 'boxes.txt'
    path.write_text(text)
    return path


def test_detections_are_sorted_by_frame(tmp_path):
    boxes, dropped = read_boxes(written(
        tmp_path, '3,-1,1.5,2,3,4,0.5,-1,-1,-1\n\n1,-1,5,6,7,8,-2,-1,-1,-1\n'
        '3,-1,9,9,9,9,0,-1,-1,-1\n'))
    assert dropped == 0
    assert boxes.frames.tolist() == [1, 3, 3]
    assert boxes.tracks.tolist() == [-1] * 3
    assert boxes.boxes.tolist() == [[5, 6, 7, 8], [1.5, 2, 3, 4], [9] * 4]
    assert boxes.scores.tolist() == [-2, 0.5, 0]
    assert boxes.visible.tolist() == [1] * 3


def test_annotations_to_ignore_and_other_classes_are_dropped(tmp_path):
    boxes, dropped = read_boxes(written(
        tmp_path, '1,7,1,2,3,4,1,1,0.25\n1,8,1,2,3,4,0,1,1\n'
        '1,9,1,2,3,4,1,3,1\n'))
    assert dropped == 2
    assert boxes.tracks.tolist() == [7]
    assert boxes.visible.tolist() == [0.25]


def test_annotations_that_are_all_dropped(tmp_path):
    """Trackers that write nine columns, with 0 for the class."""
    with pytest.raises(ValueError, match=(
            r'with 9 columns, the 7th is a flag .* all 2 boxes .*found: 0')):
        read_boxes(written(tmp_path, '1,7,1,2,3,4,1,0,1\n' * 2))


def test_six_columns_are_enough(tmp_path):
    boxes, _ = read_boxes(written(tmp_path, '1,7,1,2,3,4\n'))
    assert boxes.scores.tolist() == [1]


@pytest.mark.parametrize('text, message', [
    ('', 'no box in it'),
    ('1,1,2,3,4,5,1\n1,1,2,3,4\n', 'line 2: expected 6 to 10 numbers'),
    ('1,1,2,3,4,5\n1,1,2,3,4,5,1\n', r'lines of \[6, 7\] columns'),
    ('0,1,2,3,4,5\n', 'line 1: .*from 1'),
    ('1,1,2,3,x,5\n', "line 1: .*got '1,1,2,3,x,5'"),
    ('1,1,2,3,nan,5\n', 'line 1'),
    ('1,1.0,2,3,4,5\n1,1.5,2,3,4,5\n', 'line 2: .*track .both whole'),
    ('1.5,1,2,3,4,5\n', 'line 1: .*frame'),
])
def test_wrong_boxes(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_boxes(written(tmp_path, text))


def test_overlap_by_hand():
    found = iou(np.array([[0, 0, 2, 2], [0, 0, 0, 0.]]),
                np.array([[1, 0, 2, 2], [0, 0, 2, 2], [5, 5, 1, 1], [0] * 4]))
    np.testing.assert_allclose(found, [[1 / 3, 1, 0, 0], [0, 0, 0, 0]])


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 4)] * 2),
                min_size=2, max_size=2))
def test_overlap_counts_pixels(pair):
    grids = []
    for x, y, wide, high in pair:
        grid = np.zeros((10, 10), bool)
        grid[y:y + high, x:x + wide] = True
        grids.append(grid)
    expected = (grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum()
    first, second = np.array(pair, float)[:, None]
    np.testing.assert_allclose(iou(first, second), [[expected]])


def test_two_people_who_walk_are_linked():
    rows, truth = [], []
    for frame in range(1, 9):
        people = [(0, 2 * frame), (1, 60 - 3 * frame)]
        for person, x in people[::-1 if frame % 2 else 1]:
            rows.append((frame, x, 0, 10, 30))
            truth.append(person)
    tracks = link_boxes(boxes_of(rows), 0.3)
    assert sorted(set(tracks.tolist())) == [1, 2]
    for person in (0, 1):
        assert len(set(tracks[np.array(truth) == person])) == 1


def test_a_gap_ends_a_track():
    rows = [(1, 0, 0, 9, 9), (2, 0, 0, 9, 9), (4, 0, 0, 9, 9),
            (5, 50, 0, 9, 9)]
    assert link_boxes(boxes_of(rows), 0.5).tolist() == [1, 1, 2, 3]
    assert link_boxes(boxes_of(rows), 0.5, max_gap=2).tolist() == [1, 1, 1, 2]


def test_the_largest_sum_of_overlaps_wins():
    # greedily 1 would take the left box, which nothing else overlaps
    rows = [(1, 0, 0, 10, 10), (1, 4, 0, 10, 10), (2, 2, 0, 10, 10),
            (2, 7, 0, 10, 10)]
    assert link_boxes(boxes_of(rows), 0.1).tolist() == [1, 2, 1, 2]


@given(st.lists(st.tuples(st.integers(1, 5), *[st.integers(0, 9)] * 2,
                          st.just(4), st.just(4)), max_size=20))
def test_a_track_has_one_box_per_frame(rows):
    boxes = boxes_of(sorted(rows))
    tracks = link_boxes(boxes, 0.4, max_gap=2)
    assert len(set(zip(tracks, boxes.frames))) == len(rows)
    assert set(tracks) == set(range(1, len(set(tracks)) + 1))
    for track in set(tracks):
        own = boxes.select(tracks == track)
        assert (np.diff(own.frames) <= 2).all()
        steps = iou(own.boxes[:-1], own.boxes[1:]).diagonal()
        assert (steps >= 0.4).all()


@pytest.mark.parametrize('options, message', [
    ((0, 1), 'min_iou must be above 0, got 0'),
    ((1.5, 1), r'min_iou must be in \[0, 1\], got 1.5'),
    ((0.5, 0), 'max_gap must be an integer of at least 1, got 0'),
])
def test_wrong_link_options(options, message):
    with pytest.raises(ValueError, match=message):
        link_boxes(boxes_of([]), *options)


def test_boxes_are_cut_at_the_border():
    assert clip_box(np.array([1, 1, 4, 8]), 20, 10) == (0, 4, 0, 8)
    assert clip_box(np.array([-1, 17, 4, 8]), 20, 10) is None
    assert clip_box(np.array([0, 15, 4, 8]), 20, 10) == (0, 3, 14, 20)
    assert clip_box(np.array([3, 3, 0, 8]), 20, 10) is None
    assert clip_box(np.array([30, 3, 4, 8]), 20, 10) is None


def test_boxes_with_a_byte_order_mark(tmp_path):
    file = tmp_path / 'det.txt'
    file.write_bytes('1,7,1,2,3,4\r\n'.encode('utf-8-sig'))
    assert read_boxes(file)[0].tracks.tolist() == [7]
    file.write_bytes(b'1,7,1,2,3,4 \xe4\n')
    with pytest.raises(ValueError, match='det.txt, line 1: the text is not U'):
        read_boxes(file)
