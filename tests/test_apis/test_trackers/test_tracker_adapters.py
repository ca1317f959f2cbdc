"""The adapters by what trackers call, and inside the trackers themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmreidmix.apis import Gate, TrackerEmbedder
from mmreidmix.apis.trackers import (
    BoxMOTEncoder,
    DeepSortRealtime,
    RoboflowModel,
    UltralyticsEncoder,
    filled_rows,
    norfair_distance,
    rows_or_none,
)

BOXES = np.array([[10, 5, 40, 80], [60, 20, 100, 90]], float)
OUTSIDE = np.array([[130, 10, 160, 50]], float)
ALL = np.vstack([BOXES, OUTSIDE])


def lengths(rows):
    return np.linalg.norm(np.asarray(rows), axis=1)


def test_rows_that_are_filled(embedder, frame):
    rows = embedder(frame, np.vstack([ALL, OUTSIDE]))
    filled = filled_rows(rows, np.random.default_rng(0))
    assert not rows[2:].any(), 'the rows given are not changed'
    np.testing.assert_array_equal(filled[:2], rows[:2])
    np.testing.assert_allclose(lengths(filled), 1, atol=1e-6)
    cosines = filled @ filled.T
    assert np.abs(cosines[2:, :2]).max() < 0.4 and abs(cosines[2, 3]) < 0.4
    assert filled.dtype == np.float32
    first, second, *others = rows_or_none(rows)
    np.testing.assert_array_equal([first, second], rows[:2])
    assert others == [None, None]


def test_roboflow(embedder, frame):
    supervision = pytest.importorskip('supervision')
    model = RoboflowModel(embedder)
    rows = model.extract_embeddings(
        supervision.Detections(xyxy=ALL), frame, batch_size=1)
    np.testing.assert_array_equal(rows, embedder(frame, ALL))
    empty = model.extract_embeddings(supervision.Detections.empty(), frame)
    assert empty.shape == (0, embedder.dim)


def test_roboflow_has_the_arguments_of_reid(embedder, frame):
    """The same call gives rows of the same kind from their own model."""
    pytest.importorskip('supervision')
    reid = pytest.importorskip('reid')
    import supervision
    detections = supervision.Detections(xyxy=BOXES)
    theirs = reid.ReIDModel.from_pretrained(
        architecture='osnet_x0_25', source=None, device='cpu')
    for model in (theirs, RoboflowModel(embedder)):
        rows = model.extract_embeddings(detections, frame, batch_size=2)
        assert rows.dtype == np.float32 and len(rows) == 2 and rows.ndim == 2


def centred(boxes):
    """Centre and size, and a column more, as Ultralytics has it."""
    return np.column_stack([
        (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2],
        np.arange(len(boxes))])


def test_ultralytics(embedder, frame):
    encoder = UltralyticsEncoder(embedder)
    first, second, none = encoder(frame, centred(ALL))
    np.testing.assert_array_equal([first, second], embedder(frame, BOXES))
    assert none is None
    assert encoder(frame, np.empty((0, 5))) == []


def test_inside_bot_sort_of_ultralytics(embedder, frame, monkeypatch,
                                        tmp_path):
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path))
    pytest.importorskip('lap')
    results = pytest.importorskip('ultralytics.engine.results')
    bot_sort = pytest.importorskip('ultralytics.trackers.bot_sort')
    args = SimpleNamespace(
        track_high_thresh=0.25, track_low_thresh=0.1, new_track_thresh=0.25,
        track_buffer=30, match_thresh=0.8, fuse_score=True, gmc_method='none',
        proximity_thresh=0.5, appearance_thresh=0.8, with_reid=False,
        model='auto')
    tracker = bot_sort.BOTSORT(args)
    UltralyticsEncoder(embedder).attach(tracker)
    rows = np.column_stack([ALL, np.full(3, 0.9), np.zeros(3)])
    for _ in range(3):
        found = tracker.update(
            results.Boxes(rows.astype(np.float32), (90, 120)), frame)
    assert sorted(found[:, 4]) == [1, 2, 3]
    features = [track.curr_feat for track in tracker.tracked_stracks]
    np.testing.assert_allclose(
        features[:2], embedder(frame, BOXES), atol=1e-6)
    assert features[2] is None


def test_boxmot_features(embedder, frame):
    encoder = BoxMOTEncoder(embedder)
    rows = encoder.get_features(ALL, frame)
    np.testing.assert_array_equal(rows[:2], embedder(frame, BOXES))
    np.testing.assert_allclose(lengths(rows), 1, atol=1e-6)
    assert encoder.get_features(np.empty((0, 4)), frame).shape == (
        0, embedder.dim)


def boxmot_frame(frame, boxes):
    structures = pytest.importorskip('boxmot.structures')
    image = torch.from_numpy(np.ascontiguousarray(
        frame[..., ::-1].transpose(2, 0, 1)))
    count = len(boxes)
    return (structures.Frame(image, 'one'), structures.Detections(
        structures.Boxes(torch.from_numpy(boxes.astype(np.float32))),
        torch.full((count, ), 0.9), torch.zeros(count, dtype=torch.int64),
        'one'))


def test_encoder_protocol_of_boxmot(embedder, frame):
    protocols = pytest.importorskip('boxmot.reid.protocols')
    encoder = BoxMOTEncoder(embedder)
    assert isinstance(encoder, protocols.AppearanceEncoder)
    assert encoder.embedding_dim == embedder.dim
    assert encoder.requirements.masks is False
    frames, detections = zip(boxmot_frame(frame, BOXES),
                             boxmot_frame(frame, BOXES[:0]))
    full, empty = encoder.encode(frames, detections)
    assert full.dtype == torch.float32
    np.testing.assert_array_equal(full.numpy(), embedder(frame, BOXES))
    assert empty.shape == (0, embedder.dim)
    with pytest.raises(ValueError, match='2 frames and detections of 1'):
        encoder.encode(frames, detections[:1])


def test_inside_bot_sort_of_boxmot(embedder, frame):
    pytest.importorskip('lap')
    boxmot = pytest.importorskip('boxmot')
    tracker = boxmot.BotSort(
        reid_model=BoxMOTEncoder(embedder), use_cmc=False)
    rows = np.column_stack([ALL, np.full(3, 0.9), np.zeros(3)])
    for _ in range(3):
        found = tracker.update(rows.astype(np.float32), frame)
    assert len(found) == 3


def test_rgb_is_refused_where_frames_are_bgr(checkpoint):
    rgb = TrackerEmbedder(checkpoint, 'cpu', 'rgb', amp=False)
    for adapter in (UltralyticsEncoder, BoxMOTEncoder):
        with pytest.raises(ValueError, match="color='bgr'"):
            adapter(rgb)


def test_deep_sort_realtime(embedder, frame):
    """Boxes of no width are left out, as by update_tracks."""
    detections = [([10, 5, 30, 75], 0.9, 0), ([20, 20, 0, 30], 0.9, 0),
                  ([60, 20, 40, 70], 0.9, 0), ([130, 10, 30, 40], 0.9, 0)]
    embeds = DeepSortRealtime(embedder)(frame, detections)
    assert len(embeds) == 3
    np.testing.assert_array_equal(embeds[:2], embedder(frame, BOXES))
    np.testing.assert_allclose(lengths(embeds), 1, atol=1e-6)
    assert DeepSortRealtime(embedder)(frame, []) == []


@pytest.mark.filterwarnings('ignore:pkg_resources')
def test_inside_deep_sort_realtime(embedder, frame):
    module = pytest.importorskip('deep_sort_realtime.deepsort_tracker')
    tracker = module.DeepSort(embedder=None)
    embeds = DeepSortRealtime(embedder)
    detections = [([10, 5, 30, 75], 0.9, 0), ([20, 20, 0, 30], 0.9, 0),
                  ([60, 20, 40, 70], 0.9, 0), ([130, 10, 30, 40], 0.9, 0)]
    for _ in range(4):
        tracks = tracker.update_tracks(
            list(detections), embeds=embeds(frame, detections))
    assert [track.is_confirmed() for track in tracks] == [True] * 3
    samples = tracker.tracker.metric.samples
    np.testing.assert_allclose(
        [samples[track.track_id][-1] for track in tracks[:2]],
        embedder(frame, BOXES), atol=1e-6)


def norfair_object(embedding, *past):
    detections = [SimpleNamespace(embedding=row) for row in past]
    return SimpleNamespace(last_detection=SimpleNamespace(
        embedding=embedding), past_detections=detections)


def test_distance_of_norfair():
    x, y = np.eye(2, dtype=np.float32)
    half = (x + y) / np.sqrt(2)
    assert norfair_distance(norfair_object(x), norfair_object(x)) == 0
    assert norfair_distance(norfair_object(x), norfair_object(y)) == 1
    assert norfair_distance(
        norfair_object(x), norfair_object(y, None, half)) == pytest.approx(
            1 - np.sqrt(0.5))
    assert norfair_distance(norfair_object(None), norfair_object(x)) == 2
    assert norfair_distance(norfair_object(x), norfair_object(None)) == 2


def test_inside_norfair(embedder, frame):
    """Whoever comes back elsewhere keeps the number; a stranger does not."""
    norfair = pytest.importorskip('norfair')
    tracker = norfair.Tracker(
        'euclidean', distance_threshold=20, hit_counter_max=3,
        initialization_delay=1, reid_hit_counter_max=50,
        reid_distance_function=norfair_distance, reid_distance_threshold=0.01)

    def seen(place, row, times):
        for _ in range(times):
            found = tracker.update([] if row is None else [norfair.Detection(
                np.array([place, place]), embedding=row)])
        return [one.id for one in found]

    rows = filled_rows(np.zeros((2, 64), np.float32), np.random.default_rng(1))
    first, = seen(10.0, rows[0], 4)
    assert seen(0, None, 8) == []
    assert seen(90.0, rows[0], 6) == [first]
    assert seen(0, None, 8) == []
    stranger, = seen(50.0, rows[1], 6)
    assert stranger != first


def test_gated_boxes_have_no_embedding(checkpoint, frame):
    gated = TrackerEmbedder(checkpoint, 'cpu', amp=False,
                            gate=Gate(min_height=72))
    first, second = UltralyticsEncoder(gated)(frame, centred(BOXES))
    assert first is not None and second is None
