import numpy as np
import pytest

from mmreidmix.importing.boxes import clip_box, make_boxes, read_boxes


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


@pytest.mark.parametrize('box, part', [
    ((1, 1, 4, 8), (0, 4, 0, 8)), ((-1, 17, 4, 8), (0, 2, 16, 20)),
    ((0, 15, 4, 8), (0, 3, 14, 20)), ((3, 3, 0, 8), (2, 2, 2, 10)),
    ((30, 3, 4, 8), (10, 10, 2, 10))])
def test_boxes_are_cut_at_the_border(box, part):
    assert clip_box(np.array(box), 20, 10) == part


def test_scores_that_can_be_probabilities():
    row = [1, -1, 0, 0, 5, 5]
    assert make_boxes([(*row, 0, 1), (*row, 1, 1)]).probabilities
    assert not make_boxes([(*row, 1.2, 1)]).probabilities
    assert make_boxes([]).probabilities


def test_boxes_with_a_byte_order_mark(tmp_path):
    file = tmp_path / 'det.txt'
    file.write_bytes('1,7,1,2,3,4\r\n'.encode('utf-8-sig'))
    assert read_boxes(file)[0].tracks.tolist() == [7]
    file.write_bytes(b'1,7,1,2,3,4 \xe4\n')
    with pytest.raises(ValueError, match='det.txt, line 1: the text is not U'):
        read_boxes(file)
