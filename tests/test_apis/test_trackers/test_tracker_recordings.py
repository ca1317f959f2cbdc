import numpy as np
import pytest

from mmreidmix.apis import TrackerEmbedder
from mmreidmix.apis.trackers import embed_recording, write_deep_sort
from mmreidmix.importing.recordings import frames_of, read_recording
from tests.toy_recordings import sequence, video, written

LINES = ['2,-1,11,6,30,40,0.5', '1,-1,1,1,20,50,0.9', '2,-1,200,6,30,40,0.25',
         '4,-1,41,11,30,90,0.75']


@pytest.fixture(params=['video', 'sequence', 'frames'])
def recording(request, tmp_path):
    file = written(tmp_path / 'det.txt', LINES)
    if request.param == 'video':
        return read_recording(video(tmp_path / 'v.avi'), file)
    source = sequence(tmp_path / 's', LINES)
    return read_recording(
        source / 'img1' if request.param == 'frames' else source, file)


def test_boxes_of_a_recording(embedder, recording):
    """By hand: frame, and left, top, right, bottom."""
    rows = embed_recording(embedder, recording)
    frames = dict(frames_of(recording, {1, 2, 4}))
    assert recording.boxes.frames.tolist() == [1, 2, 2, 4]
    for row, frame, part in zip(rows, (1, 2, 2, 4), (
            (0, 0, 20, 50), (10, 5, 40, 45), None, (40, 10, 70, 60))):
        if part is None:
            assert not row.any()
            continue
        left, top, right, bottom = part
        wanted, = embedder.inferencer([frames[frame][top:bottom, left:right]])
        np.testing.assert_allclose(row, wanted, atol=1e-5)


def test_file_of_deep_sort(embedder, recording, tmp_path):
    out = tmp_path / 'new' / 'features.npy'
    assert write_deep_sort(out, embedder, recording) == 1
    table = np.load(out, allow_pickle=False)
    assert table.dtype == np.float32 and table.shape == (4, 10 + embedder.dim)
    wanted = [[1, -1, 1, 1, 20, 50, 0.9, -1, -1, -1],
              [2, -1, 11, 6, 30, 40, 0.5, -1, -1, -1],
              [2, -1, 200, 6, 30, 40, 0.25, -1, -1, -1],
              [4, -1, 41, 11, 30, 90, 0.75, -1, -1, -1]]
    np.testing.assert_array_equal(table[:, :10], np.float32(wanted))
    rows = embed_recording(embedder, recording)
    np.testing.assert_array_equal(table[[0, 1, 3], 10:], rows[[0, 1, 3]])
    np.testing.assert_allclose(
        np.linalg.norm(table[:, 10:], axis=1), 1, atol=1e-6)


def test_recordings_are_bgr(checkpoint, recording):
    rgb = TrackerEmbedder(checkpoint, 'cpu', 'rgb', amp=False)
    with pytest.raises(ValueError, match="color='bgr'"):
        embed_recording(rgb, recording)


def test_recordings_that_are_not_there(tmp_path):
    file = written(tmp_path / 'det.txt', LINES)
    with pytest.raises(FileNotFoundError, match='no video or folder'):
        read_recording(tmp_path / 'none.avi', file)
    folder = sequence(tmp_path / 's', LINES, frames=2)
    with pytest.raises(FileNotFoundError, match='frame 4 is not there'):
        read_recording(folder, file)
