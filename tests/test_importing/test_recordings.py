"""People cut out of videos and sequences, from the command line."""

import sys

import cv2
import numpy as np
import pytest

from mmreidmix.datasets import Domain
from mmreidmix.importing import crops
from mmreidmix.importing.recordings import is_recording
from tests.toy_recordings import (
    RATE,
    convert,
    files_of,
    frame,
    images_of,
    sequence,
    video,
    written,
)

GT = ['1,3,11,1,20,50,1,1,1', '1,4,41,1,20,50,1,1,0.2',
      '2,3,13,1,20,50,1,1,0.9', '3,3,15,1,20,10,1,1,1',
      '3,4,75,1,20,50,1,1,1', '4,9,15,1,20,50,0,1,1']
DET = [f'{f},-1,{10 + 2 * f},1,20,50,{s},-1,-1,-1'
       for f, s in ((1, .9), (2, .9), (3, .1), (4, .9))]


def test_annotated_sequences(tmp_path, capsys):
    for name in ('b 1', 'a'):
        sequence(tmp_path / 'in' / name, GT)
    written(tmp_path / 'in/a/seqinfo.ini', ['[Sequence]', 'frameRate=10'])
    rows, info = convert(tmp_path / 'in', tmp_path / 'out', '--every', 1)
    own = ['t0003/000001_000.jpg', 't0003/000002_000.jpg']
    assert images_of(rows) == [f'{name}/{crop}' for name in ('a', 'b_1')
                               for crop in own]
    crop = cv2.imread(str(tmp_path / 'out/images/a' / own[1]))
    assert crop.shape == (50, 20, 3)
    np.testing.assert_allclose(crop, frame(2)[:50, 12:32], atol=4)
    assert rows[1] == dict(
        path='a/t0003/000002_000.jpg', subset='train', pid=-1, camid='a',
        tracklet='3', time=0.1, flag='', frame=2, left=12, top=0, width=20,
        height=50, score=1.0)
    assert rows[3]['time'] == 1.0  # of no known rate
    assert info['images'] == 'images'
    assert info['made_with']['every'] == 1
    assert ('a: 2 crops, 1 tracks; boxes left out: 1 hidden, 1 outside, 1 '
            'small, 1 to be ignored or no person') in capsys.readouterr().out
    dataset = Domain(tmp_path / 'out')
    assert dataset.camera_names == ('a', 'b_1')
    assert dataset.records.tracklets.tolist() == [0, 0, 1, 1]
    assert set(files_of(tmp_path / 'out')) == {
        'domain.json', 'images.parquet',
        *(f'images/{path}' for path in images_of(rows))}


def test_detections_of_a_sequence(tmp_path, capsys):
    source = sequence(tmp_path / 'walk', DET, boxes='det')
    rows, _ = convert(source, tmp_path / 'out', '--boxes', 'det', '--every', 2,
                      '--tracks', 'none', '--frame-rate', 2)
    assert images_of(rows) == ['walk/000001_000.jpg']
    assert rows[0]['tracklet'] == '' and rows[0]['time'] == 0
    assert ('1 crops, 0 tracks; boxes left out: 2 in other frames, 1 of low '
            'score') in capsys.readouterr().out
    rows, _ = convert(source, tmp_path / 'all', '--tracks', 'none', '--every',
                      1, '--min-score', 0)
    assert [row['score'] for row in rows] == [.9, .9, .1, .9]


def test_a_video_with_boxes_that_are_linked(tmp_path):
    pytest.importorskip('trackers')
    lines = [f'{f},-1,{x},1,20,50,0.9' for f in range(1, 11)
             for x in (1 + f, 61 - f)]
    boxes = written(tmp_path / 'det.txt', lines)
    source = video(tmp_path / 'v.avi', 10)
    rows, _ = convert(source, tmp_path / 'out', '--boxes', boxes, '--camera',
                      'S2L1', '--every', 3)
    # A track begins with its second box.
    assert images_of(rows) == [
        f'S2L1/t{track:04d}/{f:06d}_{track - 1:03d}.jpg'
        for track in (1, 2) for f in (4, 7, 10)]
    assert [row['left'] for row in rows] == [4, 7, 10, 56, 53, 50]
    assert [row['time'] for row in rows] == [3 / RATE, 6 / RATE, 9 / RATE] * 2
    crop = cv2.imread(str(tmp_path / 'out/images' / rows[0]['path']))
    np.testing.assert_allclose(crop, frame(40)[:50, 4:24], atol=9)


def test_without_the_package_that_links(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'trackers', None)
    source = sequence(tmp_path / 'walk', DET, boxes='det')
    with pytest.raises(ImportError, match='pip install trackers.*--tracks n'):
        convert(source, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_clips_are_cameras(tmp_path, capsys):
    sequence(tmp_path / 'in' / 'a', GT)
    out = tmp_path / 'out'
    rows, _ = convert(tmp_path / 'in', out, '--clip', 2, '--min-height', 5,
                      '--every', 1, '--min-visibility', 0)
    assert images_of(rows) == [
        'a/c0000/t0003/000001_000.jpg', 'a/c0000/t0003/000002_000.jpg',
        'a/c0000/t0004/000001_001.jpg', 'a/c0001/t0003/000003_000.jpg']
    assert '4 crops, 2 clips, 3 tracks' in capsys.readouterr().out
    dataset = Domain(out)
    assert dataset.camera_names == ('a/c0000', 'a/c0001')
    assert dataset.records.camids[:].tolist() == [0, 0, 0, 1]
    assert dataset.records.tracklets.tolist() == [0, 0, 1, 2]


def test_every_counts_the_images_that_are_there(tmp_path):
    source = sequence(tmp_path / 'a', [
        f'{f},1,11,1,20,50' for f in (2, 3, 4)])
    (source / 'img1/000001.jpg').unlink()
    rows, _ = convert(source, tmp_path / 'out', '--every', 2)
    assert [row['frame'] for row in rows] == [2, 4]


@pytest.mark.parametrize('options', [(), ('--pack', ), ('--blur-heads', )])
def test_a_stopped_import_goes_on(tmp_path, monkeypatch, options):
    source = sequence(tmp_path / 'a', GT)
    options = (*options, '--every', 1, '--min-visibility', 0)
    convert(source, tmp_path / 'whole' / 'out', *options)
    out = tmp_path / 'stopped' / 'out'
    write, calls = crops.replace_file, []

    def stop(path, content):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(path)
        write(path, content)

    monkeypatch.setattr(crops, 'replace_file', stop)
    with pytest.raises(KeyboardInterrupt):
        convert(source, out, *options)
    assert not (out / 'domain.json').exists() and calls[1].is_file()
    (calls[0].parent / 'killed.part').touch()
    with pytest.raises(FileExistsError, match='with other options'):
        convert(source, out, '--every', 2)
    monkeypatch.setattr(crops, 'replace_file', write)
    calls_before = calls[0].stat().st_mtime_ns
    convert(source, out, *options)
    if '--pack' not in options:
        assert calls[0].stat().st_mtime_ns == calls_before
    assert files_of(out) == files_of(tmp_path / 'whole' / 'out')


def test_packed_crops_are_not_kept_twice(tmp_path):
    source = sequence(tmp_path / 'a', GT)
    loose = tmp_path / 'loose' / 'd'
    packed = tmp_path / 'packed' / 'd'
    rows, _ = convert(source, loose, '--every', 1)
    _, info = convert(source, packed, '--every', 1, '--pack')
    assert 'images' not in info
    assert set(files_of(packed)) == {'domain.json', 'images.parquet',
                                     'shards/000000.tar'}
    dataset = Domain(packed)
    from mmreidmix.datasets.image_bytes import read_bytes
    assert [read_bytes(dataset.image_path(i)) for i in range(2)] == [
        (loose / 'images' / row['path']).read_bytes() for row in rows]


@pytest.mark.parametrize('lines, options, message', [
    (GT, ('--boxes', 'det'), 'det.txt is not there; --boxes gt or'),
    (GT, ('--boxes', 'x.txt'), "it is 'gt' or 'det'"),
    (GT, ('--every', 0), '--every is 0'),
    (GT, ('--clip', 0), '--clip is 0'),
    (GT, ('--frame-rate', 0), '--frame-rate is 0'),
    (GT, ('--pattern', '{pid}'), '--pattern has no meaning'),
    (GT, ('--min-height', 55), 'no box is left. walk: 0 crops'),
    (GT, ('--detector-weights', 'x'), '--detector-weights has no meaning'),
    (['9,3,11,1,20,50,1,1,1'], (), 'frame 9 is not there, but .*gt.txt has'),
    (['1,3,11'], (), 'line 1: expected'),
    (['1,3,11,1,20,50', '1,4,90,1,20,50'], (),
     r'gt.txt: frame 1: the box 90, 1, 20, 50 .* no pixel in the frame of 80 '
     'x 60'),
])
def test_mistakes(tmp_path, lines, options, message):
    source = sequence(tmp_path / 'walk', lines)
    before = files_of(tmp_path)
    with pytest.raises((ValueError, OSError), match=message):
        convert(source, tmp_path / 'out', *options)
    assert files_of(tmp_path) == before and not (tmp_path / 'out').exists()


def test_names_that_become_one_are_refused(tmp_path):
    for name in ('a b', 'a_b'):
        sequence(tmp_path / 'in' / name, GT)
    with pytest.raises(ValueError, match="'a b' and 'a_b' would get one fold"):
        convert(tmp_path / 'in', tmp_path / 'out')
    with pytest.raises(ValueError, match='--camera is for one recording; .*2'):
        convert(tmp_path / 'in', tmp_path / 'out', '--camera', 'x')


def test_a_damaged_frame(tmp_path):
    source = sequence(tmp_path / 'a', GT)
    (source / 'img1/000002.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='frame 2: .*000002.jpg'):
        convert(source, tmp_path / 'out', '--every', 1)
    assert not (tmp_path / 'out').exists()


def test_a_rate_that_is_none(tmp_path):
    source = sequence(tmp_path / 'a', GT)
    written(source / 'seqinfo.ini', ['[Sequence]', 'frameRate=0'])
    with pytest.raises(ValueError, match='seqinfo.ini: frameRate is 0'):
        convert(source, tmp_path / 'out')


def test_videos_that_are_too_short(tmp_path):
    boxes = written(tmp_path / 'det.txt', DET)
    options = ('--boxes', boxes, '--tracks', 'none')
    short = video(tmp_path / 'v.avi', 3)
    with pytest.raises(ValueError, match='v.avi ends after frame 3, but .*det'
                       '.txt has boxes in frame 4'):
        convert(short, tmp_path / 'out', *options)
    assert not (tmp_path / 'out').exists()
    short.write_bytes(b'no video')
    with pytest.raises(ValueError, match='v.avi is no video that OpenCV can'):
        convert(short, tmp_path / 'out', *options)
    with pytest.raises(FileNotFoundError, match='--boxes: gt is not there'):
        convert(video(short), tmp_path / 'out', '--boxes', 'gt')


def test_options_of_recordings_elsewhere(tmp_path):
    written(tmp_path / 'list.csv', ['path', 'a.jpg'])
    with pytest.raises(ValueError, match='--every has no meaning'):
        convert(tmp_path / 'list.csv', tmp_path / 'out', '--every', 3)


def test_what_is_a_recording(tmp_path):
    (tmp_path / 'a' / 'img1').mkdir(parents=True)
    (tmp_path / 'v.MP4').touch()
    assert is_recording(tmp_path) and is_recording(tmp_path / 'a')
    assert is_recording(tmp_path / 'v.MP4')
    assert not is_recording(tmp_path / 'a' / 'img1')
    assert is_recording(tmp_path / 'a' / 'img1', 'coco.json')
    assert not is_recording(tmp_path / 'absent')


def test_a_real_recording(tmp_path, realdata):
    """About 19 people, who hide each other and come back."""
    pytest.importorskip('trackers')
    source = realdata / 'pets2009'
    rows, _ = convert(source / 'vtest.avi', tmp_path / 'out', '--boxes',
                      source / 'det.txt', '--camera', 'S2L1', '--clip', 100)
    assert {row['camid'] for row in rows} == {
        f'S2L1/c{clip:04d}' for clip in range(8)}
    assert 800 <= len(rows) <= 862
    assert len({row['tracklet'] for row in rows}) <= 90
    assert max(row['time'] for row in rows) == 79  # frame 791 of 10 a second
