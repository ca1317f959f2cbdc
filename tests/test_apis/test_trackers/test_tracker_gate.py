import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.apis import Gate

BOXES = np.array([[0, 0, 20, 60], [0, 30, 20, 90], [50, 50, 70, 130],
                  [80, 10, 100, 30]], float)


def reasons(gate, boxes=BOXES):
    return gate.reasons(np.asarray(boxes, float), 100, 120)


def test_all_rules_are_off_by_default():
    assert reasons(Gate()) == [None] * 4
    assert reasons(Gate(), np.repeat(BOXES[:1], 2, axis=0)) == [None] * 2
    assert reasons(Gate(), np.empty((0, 4))) == []


def test_height_of_the_part_inside():
    assert reasons(Gate(min_height=50)) == [None] * 3 + [
        'small: 20 pixels high, of at least 50']
    assert reasons(Gate(min_height=50.5))[2] == (
        'small: 50 pixels high, of at least 50.5')


def test_overlap_with_another_box():
    """30 of 60 rows are shared: 30 / 90."""
    assert reasons(Gate(max_overlap=0.34)) == [None] * 4
    first, second, *others = reasons(Gate(max_overlap=0.33))
    assert first == ('overlapped: intersection over union 0.33 with box 1, '
                     'of at most 0.33')
    assert 'with box 0' in second and others == [None] * 2


def test_boxes_without_pixels_overlap_nobody():
    boxes = [BOXES[0], [np.nan] * 4, BOXES[0][[2, 3, 0, 1]]]
    found = reasons(Gate(max_overlap=0.1), boxes)
    assert found[0] is None and all(found[1:])


def test_share_inside_the_frame():
    """50 of 80 rows of the third box."""
    assert reasons(Gate(min_inside=0.625)) == [None] * 4
    assert reasons(Gate(min_inside=0.63))[2] == (
        'outside: 0.62 of the box is in the frame, of at least 0.63')


@given(st.lists(st.tuples(*[st.integers(0, 100)] * 2, *[st.integers(1, 20)] * 2
                          ), min_size=2, max_size=5))
def test_overlap_against_counted_pixels(rows):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows])
    masks = np.zeros((len(boxes), 120, 120), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes):
        mask[y1:y2, x1:x2] = True
    gate = Gate(max_overlap=0.3)
    found = gate.reasons(boxes.astype(float), 120, 120)
    for i, reason in enumerate(found):
        worst = max((masks[i] & masks[j]).sum() / (masks[i] | masks[j]).sum()
                    for j in range(len(boxes)) if j != i)
        assert (reason is not None) == (worst > 0.3)


@pytest.mark.parametrize('options, message', [
    (dict(min_height=-1), 'Gate: min_height must be at least 0'),
    (dict(max_overlap=1.5), r'Gate: max_overlap must be in \[0, 1\]'),
    (dict(min_inside=np.nan), 'min_inside'),
    (dict(min_height='64'), 'min_height')])
def test_rules_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Gate(**options)
