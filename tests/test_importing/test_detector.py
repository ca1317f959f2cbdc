"""Videos without boxes, with a detector that is a stand-in or has no skill."""

import numpy as np
import pytest
import torch

from mmreidmix.importing import crops, detector
from mmreidmix.importing.recordings import Recording
from tests.toy_recordings import convert, files_of, images_of, video

SMALL = 'ssdlite320_mobilenet_v3_large'


class StandIn:
    """Finds one person, who walks; stops where it is told to."""

    def __init__(self):
        self.calls, self.stop_at = [], None

    def __call__(self, image):
        number = round((float(image[:, 0].mean())) / 10)
        if number == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        self.calls.append(number)
        if number == 3:
            return np.zeros((0, 5))
        return np.array([[10.25 + number, 0, 20, 50, 0.9],
                         [50, 0, 20, 50, 0.3]])


@pytest.fixture
def finder(monkeypatch):
    found = StandIn()
    monkeypatch.setattr(crops, 'build_detector', lambda *_: found)
    return found


def test_a_plain_video(tmp_path, finder):
    pytest.importorskip('trackers')
    rows, info = convert(video(tmp_path / 'v.avi', 8), tmp_path / 'out')
    assert images_of(rows) == ['v/t0001/000006_000.jpg']
    assert rows[0]['left'] == 16 and rows[0]['score'] == 0.9
    assert finder.calls == [*range(1, 9)]
    assert info['made_with']['detector'].startswith('fasterrcnn')
    assert set(files_of(tmp_path / 'out')) == {
        'domain.json', 'images.parquet', 'images/v/t0001/000006_000.jpg'}


def test_boxes_of_a_stopped_import_are_kept(tmp_path, finder):
    source = video(tmp_path / 'v.avi', 8)
    options = ('--tracks', 'none', '--every', 1)
    convert(source, tmp_path / 'whole' / 'out', *options)
    finder.calls, finder.stop_at = [], 6
    out = tmp_path / 'stopped' / 'out'
    with pytest.raises(KeyboardInterrupt):
        convert(source, out, *options)
    kept = out / 'boxes-v.txt'
    assert kept.read_text().startswith('1,-1,12.25,1.00,20.00,50.00,0.900000')
    with open(kept, 'a') as file:
        file.write('6,-1,1')  # a line that was not written to its end
    finder.calls = []
    convert(source, out, *options)
    assert finder.calls == [5, 6, 7, 8]
    assert files_of(out) == files_of(tmp_path / 'whole' / 'out')
    assert not kept.exists()


def test_a_video_without_people(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, 'build_detector',
                        lambda *_: lambda image: np.zeros((0, 5)))
    with pytest.raises(ValueError, match='no box is left. v: 0 crops'):
        convert(video(tmp_path / 'v.avi'), tmp_path / 'out', '--tracks',
                'none')
    assert not (tmp_path / 'out').exists()


def test_a_video_that_is_cut_short(tmp_path, finder, monkeypatch):
    source = video(tmp_path / 'v.avi', 40)
    whole = detector.open_video

    class Short:
        def __init__(self, file):
            self.capture, self.left = whole(file), 30

        def grab(self):
            self.left -= 1
            return self.left >= 0 and self.capture.grab()

        def __getattr__(self, name):
            return getattr(self.capture, name)

    monkeypatch.setattr(detector, 'open_video', Short)
    with pytest.raises(ValueError, match='v.avi can not be read behind frame '
                       '30, but says that it has 40 frames'):
        convert(source, tmp_path / 'out', '--tracks', 'none')
    assert not (tmp_path / 'out').exists()


@pytest.fixture(scope='module')
def models():
    """Imported late: the package makes it possible everywhere."""
    from torchvision import models
    return models


@pytest.fixture(scope='module')
def weights(tmp_path_factory, models):
    """A detector that has learned nothing."""
    torch.manual_seed(0)
    model = models.get_model(SMALL, weights=None, weights_backbone=None)
    file = tmp_path_factory.mktemp('weights') / 'small.pth'
    torch.save(model.state_dict(), file)
    return file


@pytest.fixture
def operators(monkeypatch):
    """Stand-ins where torchvision is of another build than torch."""
    if not hasattr(torch.ops.torchvision, 'nms'):
        monkeypatch.setattr(torch.ops.torchvision, 'nms', None, raising=False)
        monkeypatch.setattr(
            'torchvision.ops.boxes.nms', lambda boxes, scores, _:
            scores.argsort(descending=True, stable=True)[:3])


def test_without_operators(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.ops, 'torchvision', object())
    with pytest.raises(ImportError, match='lacks its compiled operators'):
        convert(video(tmp_path / 'v.avi'), tmp_path / 'out', '--tracks',
                'none')
    assert not (tmp_path / 'out').exists()


@pytest.mark.usefixtures('operators')
def test_a_detector_of_torchvision(tmp_path, weights, monkeypatch):
    # What it finds has no meaning, but is the same each time.
    monkeypatch.setattr(detector, '_LEAST_SCORE', 0.0)
    find = detector.build_detector(SMALL, weights)
    source = video(tmp_path / 'v.avi', 2)
    found = [detector.detect_boxes(Recording('v', source), tmp_path / name,
                                   find) for name in ('a.txt', 'b.txt')]
    for first, second in zip(*found):
        np.testing.assert_array_equal(first, second)
    assert (tmp_path / 'a.txt').read_bytes() == (
        tmp_path / 'b.txt').read_bytes()
    assert set(found[0].frames) == {1, 2}
    assert (found[0].scores <= 1).all() and (found[0].tracks == -1).all()


@pytest.mark.usefixtures('operators')
def test_boxes_of_a_model_are_those_of_people(monkeypatch, models, weights):
    class Model(torch.nn.Module):
        def load_state_dict(self, state):
            pass

        def forward(self, images):
            assert images[0].shape == (3, 60, 80)
            assert images[0][:, 0, 0].tolist() == [1.0, 0.0, 0.0]  # red
            return [dict(boxes=torch.tensor([[1., 2, 4, 8]] * 3),
                         labels=torch.tensor([1, 2, 1]),
                         scores=torch.tensor([0.5, 0.9, 0.01]))]

    monkeypatch.setattr(models, 'get_model', lambda *_, **__: Model())
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 2] = 255
    find = detector.build_detector(SMALL, weights)
    assert find(red).tolist() == [[1, 2, 3, 6, 0.5]]


@pytest.mark.usefixtures('operators')
def test_detectors_and_weights_that_are_none(tmp_path, models, weights,
                                             monkeypatch):
    with pytest.raises(ValueError, match="--detector is 'yolo'; torchvision "
                       "has 'fasterrcnn_mob"):
        detector.build_detector('yolo', None)
    with pytest.raises(FileNotFoundError, match='x.pth is not there'):
        detector.build_detector(SMALL, tmp_path / 'x.pth')
    (tmp_path / 'x.pth').write_bytes(b'no weights')
    with pytest.raises(ValueError, match='x.pth is no file of weights'):
        detector.build_detector(SMALL, tmp_path / 'x.pth')
    torch.save(dict(a=torch.ones(1)), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=f'x.pth has no weights of {SMALL}'):
        detector.build_detector(SMALL, tmp_path / 'x.pth')

    def no_network(self, *args, **kwargs):
        raise OSError('no network')

    monkeypatch.setattr(models.WeightsEnum, 'get_state_dict', no_network)
    with pytest.raises(FileNotFoundError, match=r'no network\). Get https://.*'
                       r'\.pth .*--detector-weights.*--boxes'):
        detector.build_detector(SMALL, None)
