import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmreidmix.apis import Gate, ReIDInferencer, TrackerEmbedder

BOXES = np.array([[10, 5, 40, 80], [60, 20, 100, 90], [0, 0, 120, 90],
                  [-20, 40, 15, 200], [110, -9, 400, 30]], float)
#: The same cut out by hand: left, top, right, bottom.
PARTS = [(10, 5, 40, 80), (60, 20, 100, 90), (0, 0, 120, 90),
         (0, 40, 15, 90), (110, 0, 120, 30)]
#: Boxes without a pixel, and the begin of the reason.
NONE = [((10, 10, 10, 40), 'empty'), ((40, 10, 30, 50), 'empty'),
        ((130, 10, 160, 50), 'no pixel'), ((-30, -30, -1, -1), 'no pixel'),
        ((10.1, 10, 10.4, 50), 'no pixel'), ((np.nan, 0, 9, 9), 'not finite'),
        ((0, 0, np.inf, 9), 'not finite'),
        ((-1.7e308, 1e308, 1.7e308, 1.1e308), 'no pixel')]


def by_hand(inferencer, frame, parts=PARTS):
    return inferencer([frame[top:bottom, left:right]
                       for left, top, right, bottom in parts])


def test_crops_are_those_cut_by_hand(embedder, checkpoint, frame):
    plain = ReIDInferencer(checkpoint, device='cpu', batch_size=2, amp=False,
                           channel_order='bgr')
    rows = embedder(frame, BOXES)
    assert rows.dtype == np.float32 and rows.shape == (5, embedder.dim)
    np.testing.assert_array_equal(rows, by_hand(plain, frame))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(rows[0] - rows[1]) > 1e-3


def test_corners_are_rounded_to_whole_pixels(embedder, frame):
    near = BOXES + [0.4, -0.4, 0.4, -0.4]
    np.testing.assert_array_equal(
        embedder(frame, near), embedder(frame, BOXES))


def test_the_colour_order_is_the_one_named(embedder, checkpoint, frame):
    rgb = TrackerEmbedder(checkpoint, 'cpu', 'rgb', 2, amp=False)
    rows = embedder(frame, BOXES)
    np.testing.assert_array_equal(rgb(frame[..., ::-1], BOXES), rows)
    assert np.abs(rgb(frame, BOXES) - rows).max() > 1e-3
    with pytest.raises(ValueError, match="color must be one of 'bgr', 'rgb'"):
        TrackerEmbedder(checkpoint, color='brg')


@pytest.mark.parametrize('boxes', [[], (), np.empty((0, 4)), np.empty(0),
                                   torch.empty(0, 4)])
def test_a_frame_without_boxes(embedder, frame, boxes):
    rows = embedder(frame, boxes)
    assert rows.shape == (0, embedder.dim) and rows.dtype == np.float32
    assert embedder.check(frame, boxes) == []


@pytest.mark.parametrize('kind', ['int32', 'int64', 'float16', 'float32'])
def test_numbers_of_every_type(embedder, frame, kind):
    rows = embedder(frame, BOXES)
    for boxes in (BOXES.astype(kind), torch.from_numpy(BOXES.astype(kind)),
                  BOXES.astype(kind).tolist()):
        np.testing.assert_array_equal(embedder(frame, boxes), rows)


@pytest.mark.parametrize('box, reason', NONE)
def test_a_box_without_pixels_has_a_row_of_zeros(embedder, frame, box, reason):
    boxes = [BOXES[0], box, BOXES[1]]
    rows = embedder(frame, boxes)
    np.testing.assert_array_equal(rows[[0, 2]], embedder(frame, BOXES[:2]))
    assert not rows[1].any()
    first, found, last = embedder.check(frame, boxes)
    assert first is None and last is None
    assert found.startswith(reason)
    assert not embedder(frame, [box]).any()


NUMBERS = st.one_of(st.floats(-50, 200), st.floats(), st.integers(-9, 130))


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(boxes=st.lists(st.tuples(*[NUMBERS] * 4), max_size=3))
def test_rows_are_zero_where_there_is_a_reason(embedder, frame, boxes):
    rows = embedder(frame, boxes)
    reasons = embedder.check(frame, boxes)
    assert len(rows) == len(reasons) == len(boxes)
    wanted = [float(reason is None) for reason in reasons]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), wanted, atol=1e-5)


def test_the_gate_makes_rows_zero(checkpoint, frame):
    strict = TrackerEmbedder(checkpoint, 'cpu', gate=Gate(min_height=60))
    rows = strict(frame, BOXES)
    assert np.flatnonzero(rows.any(axis=1)).tolist() == [0, 1, 2]
    assert strict.check(frame, BOXES)[3].startswith('small: 50 pixels')


@pytest.mark.parametrize('change', [
    lambda frame: np.asfortranarray(frame),
    lambda frame: frame[::-1].copy()[::-1],
    lambda frame: np.pad(frame, [(0, 0), (0, 9), (0, 0)])[:, :-9]])
def test_frames_of_any_strides(embedder, frame, change):
    other = change(frame)
    np.testing.assert_array_equal(other, frame)
    np.testing.assert_array_equal(
        embedder(other, BOXES), embedder(frame, BOXES))


def test_grey_frames_are_colour_frames_without_colour(embedder, frame):
    grey = frame[..., 0]
    rows = embedder(np.stack([grey] * 3, axis=-1), BOXES)
    np.testing.assert_array_equal(embedder(grey, BOXES), rows)
    np.testing.assert_array_equal(embedder(grey[..., None], BOXES), rows)


@pytest.mark.parametrize('change, got', [
    (lambda frame: np.dstack([frame, frame[..., 0]]), r'\(90, 120, 4\)'),
    (lambda frame: frame.astype(np.uint16), 'uint16'),
    (lambda frame: frame / 255, 'float64'),
    (lambda frame: frame.astype(np.int8), 'int8'),
    (lambda frame: frame[:0], r'\(0, 120, 3\)'),
    (lambda frame: frame.transpose(2, 0, 1), r'\(3, 90, 120\)'),
    (lambda frame: frame[None], r'\(1, 90, 120, 3\)'),
    (lambda frame: frame.tolist(), 'list'), (lambda frame: None, 'NoneType')])
def test_what_is_no_frame_is_refused(embedder, frame, change, got):
    for call in (embedder, embedder.check):
        with pytest.raises(ValueError, match=f'expected a frame .*{got}'):
            call(change(frame), BOXES)


@pytest.mark.parametrize('boxes, message', [
    ([1, 2, 3, 4], r'got shape \(4,\)'), ([[1, 2, 3]], r'shape \(1, 3\)'),
    (np.ones((2, 5)), r'shape \(2, 5\)'), ([[1, 2, 3, 'a']], 'as numbers'),
    ([[1, 2, 3, 4], [1]], 'as numbers')])
def test_what_is_no_box_is_refused(embedder, frame, boxes, message):
    with pytest.raises(ValueError, match=message):
        embedder(frame, boxes)


def test_warm_up_embeds_one_batch(embedder, monkeypatch):
    sizes = []
    encoder = embedder.inferencer.encoder
    monkeypatch.setattr(embedder.inferencer, 'encoder', lambda images: (
        sizes.append(len(images)) or encoder(images)))
    embedder.warm_up()
    assert sizes == [2]
