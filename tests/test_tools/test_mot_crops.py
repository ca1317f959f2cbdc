"""Crops of tracking sequences, from the command line."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmreidmix.datasets import VideoTree

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/mot_crops.py'


@pytest.fixture
def convert():
    spec = importlib.util.spec_from_file_location('mot_crops', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return lambda *args: tool.main([str(arg) for arg in args])


def frame(number):
    """A frame whose columns are told apart by their grey."""
    return np.full((60, 80, 3), np.arange(80)[:, None] * 2 + number, np.uint8)


def sequence(folder, lines, frames=4, boxes='gt'):
    (folder / 'img1').mkdir(parents=True)
    (folder / boxes).mkdir()
    (folder / boxes / f'{boxes}.txt').write_text('\n'.join(lines))
    for number in range(1, frames + 1):
        cv2.imwrite(str(folder / 'img1' / f'{number:06d}.jpg'), frame(number))
    return folder


def crops(out):
    return sorted(p.relative_to(out).as_posix() for p in out.rglob('*')
                  if p.is_file())


GT = ['1,3,11,1,20,50,1,1,1', '1,4,41,1,20,50,1,1,0.2',
      '2,3,13,1,20,50,1,1,0.9', '3,3,15,1,20,10,1,1,1',
      '3,4,75,1,20,50,1,1,1', '4,9,15,1,20,50,0,1,1']


def test_annotated_sequences(tmp_path, convert, capsys):
    for name in ('b 1', 'a'):
        sequence(tmp_path / 'in' / name, GT)
    out = tmp_path / 'out'
    assert convert(tmp_path / 'in', out, '--min-visibility', 0.5) == 0
    own = ['t0003/000001_000.jpg', 't0003/000002_000.jpg']
    assert crops(out) == [f'{name}/{crop}' for name in ('a', 'b_1')
                          for crop in own]
    crop = cv2.imread(str(out / 'a' / own[1]))
    assert crop.shape == (50, 20, 3)
    np.testing.assert_allclose(crop, frame(2)[:50, 12:32], atol=4)
    assert ('a: 2 crops, 1 tracks; boxes left out: 1 hidden, 1 outside, '
            '1 small, 1 to be ignored or no pedestrian'
            ) in capsys.readouterr().out
    dataset = VideoTree(out, name='crops')
    assert dataset.camera_names == ('a', 'b_1')
    assert dataset.records.tracklets.tolist() == [0, 0, 1, 1]


DET = [f'{f},-1,{10 + 2 * f},1,20,50,{s},-1,-1,-1'
       for f, s in ((1, .9), (2, .9), (3, .1), (4, .9))]


def test_detections_without_and_with_links(tmp_path, convert, capsys):
    source = sequence(tmp_path / 'walk', DET, boxes='det')
    options = (source, '--boxes', 'det')
    assert convert(*options[:1], tmp_path / 'flat', *options[1:],
                   '--every', 2, '--min-score', 0.5) == 0
    assert crops(tmp_path / 'flat') == ['walk/000001_000.jpg']
    assert ('1 crops, 0 tracks; boxes left out: 2 in other frames, 1 of low '
            'score') in capsys.readouterr().out
    assert convert(*options[:1], tmp_path / 'linked', *options[1:],
                   '--every', 3, '--link', 0.5) == 0
    assert crops(tmp_path / 'linked') == [
        'walk/t0001/000001_000.jpg', 'walk/t0001/000004_000.jpg']


def test_video_file(tmp_path, convert):
    video = cv2.VideoWriter(str(tmp_path / 'v.avi'),
                            cv2.VideoWriter_fourcc(*'MJPG'), 5, (80, 60))
    for number in range(1, 5):
        video.write(frame(10 * number))
    video.release()
    boxes = tmp_path / 'det.txt'
    boxes.write_text('\n'.join(DET))
    out = tmp_path / 'out'
    assert convert(tmp_path / 'v.avi', out, '--boxes', boxes, '--name',
                   'S2L1') == 0
    assert crops(out) == [f'S2L1/00000{n}_000.jpg' for n in (1, 2, 3, 4)]
    crop = cv2.imread(str(out / 'S2L1' / '000003_000.jpg'))
    np.testing.assert_allclose(crop, frame(30)[:50, 15:35], atol=9)


def test_clips_are_videos(tmp_path, convert, capsys):
    sequence(tmp_path / 'in' / 'a', GT)
    out = tmp_path / 'out'
    assert convert(tmp_path / 'in', out, '--clip', 2, '--min-height', 5) == 0
    assert crops(out) == [
        'a/c0000/t0003/000001_000.jpg', 'a/c0000/t0003/000002_000.jpg',
        'a/c0000/t0004/000001_001.jpg', 'a/c0001/t0003/000003_000.jpg'
    ]
    assert '4 crops, 2 clips, 3 tracks' in capsys.readouterr().out
    dataset = VideoTree(out, name='crops', video_parts=2)
    assert dataset.records.camids[:].tolist() == [0, 0, 0, 1]
    assert convert(tmp_path / 'in', out, '--clip', 0) == 2
    assert '--clip is 0' in capsys.readouterr().err


@pytest.mark.parametrize('lines, options, message', [
    (GT, ('--boxes', 'det'), 'det.txt is not there; --boxes says'),
    (GT, ('--boxes', 'x.txt'), "--boxes is 'gt' or 'det'"),
    (GT, ('--every', 0), '--every is 0'),
    (GT, ('--link', 2), 'min_iou'),
    (['9,3,11,1,20,50,1,1,1'], (), 'frame 9 of the boxes is missing'),
    (['1,3,11'], (), 'line 1: expected'),
])
def test_mistakes(tmp_path, convert, capsys, lines, options, message):
    source = sequence(tmp_path / 'walk', lines)
    before = crops(tmp_path)
    assert convert(source, tmp_path / 'out', *options) == 2
    assert message in capsys.readouterr().err
    assert crops(tmp_path) == before


def test_names_that_become_one_are_refused(tmp_path, convert, capsys):
    for name in ('a b', 'a_b'):
        sequence(tmp_path / 'in' / name, GT)
    assert convert(tmp_path / 'in', tmp_path / 'out') == 2
    error = capsys.readouterr().err
    assert "'a b' and 'a_b' would get one folder, 'a_b'" in error
    assert not (tmp_path / 'out').exists()


def test_folder_without_a_sequence(tmp_path, convert, capsys):
    (tmp_path / 'in').mkdir()
    assert convert(tmp_path / 'in', tmp_path / 'out') == 2
    assert 'no folder img1' in capsys.readouterr().err


def test_crops_are_written_once(tmp_path, convert, capsys):
    source = sequence(tmp_path / 'walk', GT)
    assert convert(source, tmp_path / 'out') == 0
    before = crops(tmp_path / 'out')
    assert convert(source, tmp_path / 'out') == 2
    assert 'is there already' in capsys.readouterr().err
    assert crops(tmp_path / 'out') == before


def test_sequence_of_which_no_box_is_left(tmp_path, convert, capsys):
    source = sequence(tmp_path / 'walk', GT)
    assert convert(source, tmp_path / 'out', '--min-height', 55) == 2
    assert 'no box is left' in capsys.readouterr().out
    assert list((tmp_path / 'out').iterdir()) == []


def test_video_shorter_than_its_boxes(tmp_path, convert, capsys):
    (tmp_path / 'v.avi').write_bytes(b'no video')
    boxes = tmp_path / 'det.txt'
    boxes.write_text('\n'.join(DET))
    assert convert(tmp_path / 'v.avi', tmp_path / 'out', '--boxes',
                   boxes) == 2
    assert 'ends after 0 frames, but there are boxes in frame 4' in (
        capsys.readouterr().err)
