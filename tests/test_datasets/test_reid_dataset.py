import json
import logging
import os
import pickle
import posixpath
import re

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets.file_names import (
    check_entries,
    images_below,
    parse_names,
    parse_paths,
)
from mmreidmix.datasets.reid_dataset import BaseReIDDataset, ReIDRecords
from mmreidmix.datasets.transforms.loading import ImageReadError
from mmreidmix.datasets.video.folder_scan import scan_tree


class Rows(BaseReIDDataset):
    """A data set whose rows are given by the test."""

    canonical_name = 'rows'
    camera_names = ('a', 'b', 'c')
    junk_pids = (-1, )
    distractor_pids = (0, )
    rows = (('c.jpg', 7, 1, -1), ('a.jpg', 3, 0, 4), ('b.jpg', 0, 2, -1),
            ('d.jpg', -1, 1, -1), ('e.jpg', 5, 1, -1))

    def load_records(self):
        return ReIDRecords.from_rows(self.rows)


def make(tmp_path, subset='train', rows=None, **kwargs):
    cls = type('Given', (Rows, ), {'rows': rows}) if rows else Rows
    return cls(tmp_path, subset, **kwargs)


def warnings(log):
    return [r.getMessage() for r in log.records
            if r.levelno == logging.WARNING]


# records


def test_records_columns():
    records = ReIDRecords.from_rows([('b/é.jpg', 5, 1, 2), ('a', -1, 0, -1)])
    assert len(records) == 2
    assert records.path(0) == 'b/é.jpg'
    assert records.paths.dtype.kind == 'S'
    assert records.pids.dtype == records.camids.dtype == np.int32
    assert records.sorted().pids.tolist() == [-1, 5]
    assert records.select(records.pids > 0).path(0) == 'b/é.jpg'


def test_records_concat_keeps_long_paths():
    short = ReIDRecords.from_columns(['a'], [1])
    long = ReIDRecords.from_columns(['b' * 40], [2])
    both = ReIDRecords.concat([short, long])
    assert [both.path(0), both.path(1)] == ['a', 'b' * 40]
    assert both.tracklets.tolist() == [-1, -1]
    assert both.camids.tolist() == [0, 0]


def test_fingerprint_tells_images_and_cameras():
    names = [f'{i}.jpg' for i in range(2000)]
    records = ReIDRecords.from_columns(names)
    same = ReIDRecords.from_columns(names, pids=range(2000))
    moved = ReIDRecords.from_columns([f'x/{name}' for name in names])
    seen = ReIDRecords.from_columns(names, camids=[1] * 2000)
    fewer = records.select(slice(1999))
    assert records.fingerprint() == same.fingerprint()
    assert len({r.fingerprint() for r in (records, moved, seen, fewer)}) == 4


def test_empty_records():
    records = ReIDRecords.from_rows([])
    assert len(records) == 0
    assert records.fingerprint() == ReIDRecords.from_rows([]).fingerprint()


def test_records_of_unequal_length():
    with pytest.raises(ValueError, match='equally long'):
        ReIDRecords.from_columns(['a', 'b'], [1])


def test_number_beyond_32_bits_is_refused_not_wrapped():
    with pytest.raises(ValueError, match='pids up to 4,294,967,297'):
        ReIDRecords.from_columns(['a'], [2**32 + 1])


@given(st.lists(st.tuples(
    st.text(st.characters(exclude_characters='\0'), min_size=1),
    *[st.integers(-1, 2**31 - 1)] * 3)))
def test_records_give_back_what_went_in(rows):
    records = ReIDRecords.from_rows(rows)
    columns = zip(records.pids, records.camids, records.tracklets)
    assert [(records.path(i), *map(int, c)) for i, c in enumerate(columns)
            ] == rows


# the data set


def test_train_drops_junk_and_distractors_and_sorts(tmp_path, log):
    dataset = make(tmp_path)
    paths = [dataset.records.path(i) for i in range(len(dataset))]
    assert paths == ['a.jpg', 'c.jpg', 'e.jpg']
    assert dataset.num_pids == 3
    assert dataset.num_cams == 3
    text = '\n'.join(r.getMessage() for r in log.records)
    assert '1 junk images dropped' in text
    assert '1 distractor images dropped' in text


def test_gallery_keeps_distractors_but_they_are_no_identity(tmp_path):
    dataset = make(tmp_path, 'gallery')
    assert dataset.records.pids.tolist() == [3, 0, 7, 5]
    assert dataset.num_pids == 3


def test_data_info_and_pipeline(tmp_path):
    dataset = make(tmp_path, pipeline=[lambda info: {**info, 'seen': True}])
    info = dataset.get_data_info(0)
    assert info == {
        'img_path': str(tmp_path / 'a.jpg'), 'index': 0, 'pid': 3,
        'camid': 0, 'tracklet': 4, 'domain': 0, 'subset': 'train'}
    assert all(type(info[k]) is int for k in ('pid', 'camid', 'tracklet'))
    assert dataset[0] == {**info, 'seen': True}
    assert dataset[-1]['index'] == 2
    assert dataset.metainfo == {'name': 'rows', 'subset': 'train'}
    with pytest.raises(IndexError):
        dataset[3]


def test_all_is_training_data(tmp_path):
    dataset = make(tmp_path, 'all')
    assert 0 not in dataset.records.pids
    assert dataset[0]['subset'] == 'train'
    assert dataset.metainfo['subset'] == 'all'


def test_pipeline_of_configs(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.full((8, 4, 3), 9, np.uint8))
    dataset = make(tmp_path, pipeline=[
        {'type': 'LoadReIDImage'}, {'type': 'Resize', 'scale': (6, 10)}])
    assert dataset[0]['img'].shape == (10, 6, 3)


def test_dataset_can_be_pickled_for_workers(tmp_path):
    dataset = Rows(tmp_path)
    assert pickle.loads(pickle.dumps(dataset))[1] == dataset[1]


@pytest.mark.parametrize('option, value', [
    ('subset', 'test'), ('bad_images', 'ignore')])
def test_wrong_choice_names_option(tmp_path, option, value):
    with pytest.raises(ValueError, match=f'{option} .* got {value!r}'):
        Rows(tmp_path, **{option: value})


def test_missing_root_tells_all_that_helps(tmp_path):
    class Absent(Rows):
        tree = '\n  absent/*.jpg\n'
        obtain = 'their page'
        toy_layout = 'market1501'

    with pytest.raises(FileNotFoundError) as error:
        Absent(tmp_path / 'no')
    for part in (str(tmp_path / 'no'), 'absent/*.jpg', 'their page',
                 f'make_toy_data.py {tmp_path / "no"} --layout market1501'):
        assert part in str(error.value)


def test_no_image_is_not_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=(
            f'rows query: no image found. Looked in:\n  {tmp_path}')):
        type('Given', (Rows, ), {'rows': ()})(tmp_path, 'query')


def test_camera_without_a_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match=(
            'Given.load_records on .*: camera 3, but `camera_names` has 3')):
        make(tmp_path, rows=[('a.jpg', 1, 3, -1), ('b.jpg', 1, 0, -1)])
    assert make(tmp_path, rows=[('a.jpg', 1, 2, -1)]).num_cams == 3
    assert make(tmp_path, rows=[('a.jpg', 1, -1, -1)]).num_cams == 3


@pytest.mark.parametrize('camid, names', [
    (-1, ('0', )), (0, ('0', )), (2, ('0', '1', '2'))])
def test_cameras_of_a_class_that_names_none(tmp_path, camid, names):
    kind = type('Given', (Rows, ), dict(
        camera_names=BaseReIDDataset.camera_names,
        rows=[('a.jpg', 1, camid, -1)]))
    assert kind(tmp_path).camera_names == names
    assert BaseReIDDataset.camera_names == ('0', )


@pytest.mark.parametrize('code, wanted', [
    ("dict(person=3)['camera']", "KeyError: 'camera'"),
    ("json.loads('[{\"a')", 'JSONDecodeError: Unterminated string'),
    ("b'\\xff'.decode()", 'UnicodeDecodeError: '),
])
def test_fault_in_reading_names_the_set(tmp_path, code, wanted):
    def load_records(self):
        return eval(code, dict(json=json))

    kind = type('Given', (Rows, ), dict(load_records=load_records))
    with pytest.raises(ValueError, match=re.escape(
            f'rows train: Given.load_records on {tmp_path}: {wanted}')):
        kind(tmp_path)


def test_duplicate_is_refused(tmp_path):
    with pytest.raises(ValueError, match="more than once, e.g. 'a.jpg'"):
        make(tmp_path, rows=[('a.jpg', 1, 0, -1), ('a.jpg', 1, 0, -1)])


@pytest.mark.parametrize('path', ['../a.jpg', '/a.jpg', 'b/../../a.jpg'])
def test_path_that_leaves_the_root_is_refused(tmp_path, path):
    with pytest.raises(ValueError, match=re.escape(path)):
        make(tmp_path, rows=[(path, 1, 0, -1)])


def test_two_dots_inside_a_name_are_fine(tmp_path):
    assert len(make(tmp_path, rows=[('a..b.jpg', 1, 0, -1)])) == 1


# expected counts


def counted(tmp_path, **kwargs):
    cls = type('Counted', (Rows, ), {
        'expected': {'train': kwargs.pop('expected')},
        'expected_per_camera': {'train': kwargs.pop('per_camera', (1, 2, 0))}})
    return cls(tmp_path, **kwargs)


def test_right_counts_are_silent(tmp_path, log):
    assert counted(tmp_path, expected=(3, 3, 2)).counts_ok
    assert warnings(log) == []


def test_wrong_counts_are_spelled_out_in_one_warning(tmp_path, log):
    dataset = counted(tmp_path, expected=(12936, 4, 2))
    assert not dataset.counts_ok
    assert len(dataset) == 3
    message, = warnings(log)
    assert message.startswith('rows train: images 12,936 expected, 3 found '
                              '(-12,933); ids 4 expected, 3 found (-1)')
    assert 'must not carry the standard name' in message
    assert 'cameras' not in message


def test_counts_right_but_cameras_wrong(tmp_path, log):
    dataset = counted(tmp_path, expected=(3, 3, 2), per_camera=(2, 1, 0))
    assert not dataset.counts_ok
    assert '(2, 1, 0) expected, (1, 2, 0) found' in warnings(log)[0]


def test_renamed_data_gives_no_warning(tmp_path, log):
    dataset = counted(tmp_path, expected=(9, 3, 2), name='rows-dev')
    assert dataset.name == 'rows-dev'
    assert not dataset.counts_ok
    assert warnings(log) == []


def test_a_part_of_the_standard_set_is_not_the_standard_set(tmp_path):
    assert not counted(tmp_path, expected=(3, 3, 2),
                       pid_range=(0, 2)).counts_ok
    whole = counted(tmp_path, expected=(3, 3, 2))
    cv2.imwrite(whole.image_path(0), np.zeros((4, 2, 3), np.uint8))
    assert not counted(tmp_path, expected=(3, 3, 2),
                       bad_images='skip').counts_ok


# pid_range


def test_pid_range_selects_by_rank(tmp_path):
    first = make(tmp_path, pid_range=(0, 2))
    last = make(tmp_path, pid_range=(2, 3))
    assert first.records.pids.tolist() == [3, 5]
    assert last.records.pids.tolist() == [7]


def test_pid_range_keeps_gallery_distractors(tmp_path):
    dataset = make(tmp_path, 'gallery', pid_range=(0, 1))
    assert dataset.records.pids.tolist() == [3, 0]


def test_pid_range_drops_images_without_identity(tmp_path):
    cls = type('Unknown', (Rows, ), {'junk_pids': ()})
    dataset = cls(tmp_path, pid_range=(0, 3))
    assert sorted(dataset.records.pids) == [3, 5, 7]


@pytest.mark.parametrize('pid_range', [(3, 4), (1, 1), (2, 1), (-1, 2)])
def test_pid_range_that_selects_nothing(tmp_path, pid_range):
    with pytest.raises(ValueError, match='selects no identity'):
        make(tmp_path, pid_range=pid_range)


@given(st.integers(1, 39))
def test_pid_ranges_partition_the_identities(tmp_path_factory, cut):
    root = tmp_path_factory.getbasetemp()
    rows = [(f'{i}.jpg', i * i % 211 + 1, 0, -1) for i in range(120)]
    whole = make(root, rows=rows)
    size = whole.num_pids
    cut = cut % (size - 1) + 1
    low = make(root, rows=rows, pid_range=(0, cut)).records
    high = make(root, rows=rows, pid_range=(cut, size)).records
    assert len(low) + len(high) == len(whole)
    assert low.pids.max() < high.pids.min()
    assert len(np.unique(low.pids)) == cut


# single-camera videos


VIDEO_ROWS = (('a', 3, 1, 0), ('b', 3, 1, 7), ('c', 5, 1, 0), ('d', 5, 2, 0),
              ('e', 9, 0, 7))


def test_tracklets_become_videos(tmp_path, log):
    dataset = make(tmp_path, rows=VIDEO_ROWS, single_camera='tracklet')
    assert dataset.videos.tolist() == [1, 2, 1, 3, 0]
    assert dataset.camera_names == ('a/7', 'b/0', 'b/7', 'c/0')
    assert dataset.num_cams == 4
    assert dataset.records.pids.tolist() == [3, 3, 5, 5, 9]
    assert dataset.get_data_info(3)['camid'] == 3
    assert '4 videos of 1 to 2 images, median 1, 3 of one' in log.text


def test_cameras_become_videos_of_the_chosen_identities(tmp_path):
    assert make(tmp_path, rows=VIDEO_ROWS).videos.tolist() == [1, 1, 1, 2, 0]
    dataset = make(tmp_path, rows=VIDEO_ROWS, single_camera='camera',
                   pid_range=(0, 2))
    assert dataset.videos.tolist() == [0, 0, 0, 1]
    assert dataset.camera_names == ('b', 'c')
    assert Rows.camera_names == ('a', 'b', 'c')


def test_wrong_single_camera(tmp_path):
    with pytest.raises(ValueError, match="single_camera .* got 'video'"):
        make(tmp_path, single_camera='video')
    with pytest.raises(ValueError, match='2 of 3 have none .*Market1501'):
        make(tmp_path, single_camera='tracklet')
    with pytest.raises(ValueError, match='not for a gallery'):
        make(tmp_path, 'gallery', single_camera='camera')


# damaged images


def damaged(tmp_path):
    image = np.full((16, 8, 3), 99, np.uint8)
    for name in 'acehijk':
        cv2.imwrite(str(tmp_path / f'{name}.jpg'), image)
    for name in 'ce':
        data = (tmp_path / f'{name}.jpg').read_bytes()
        (tmp_path / f'{name}.jpg').write_bytes(data[:-30])


def test_bad_images_stop(tmp_path):
    damaged(tmp_path)
    dataset = make(tmp_path, pipeline=[{'type': 'LoadReIDImage'}])
    assert dataset[0]['img'].shape == (16, 8, 3)
    with pytest.raises(ImageReadError, match='c.jpg: the JPEG is cut short'):
        dataset[1]


def test_bad_images_skip(tmp_path, log):
    damaged(tmp_path)
    dataset = make(tmp_path, bad_images='skip')
    assert dataset.records.pids.tolist() == [3]
    message, = warnings(log)
    assert '2 of 3 images cannot be read' in message
    assert "'c.jpg', 'e.jpg'" in message


def test_bad_images_skip_names_five_at_most(tmp_path, log):
    rows = [(f'{i}.jpg', i + 1, 0, -1) for i in range(7)]
    with pytest.raises(ValueError, match='none of its 7 images can be read'):
        make(tmp_path, rows=rows, bad_images='skip')
    assert "'4.jpg' and 2 more" in warnings(log)[0]


def test_junk_alone_is_refused(tmp_path):
    rows = [('1.jpg', -1, 0, -1), ('2.jpg', 0, 0, -1)]
    cls = type('Given', (Rows, ), dict(
        rows=rows, junk_pids={-1}, distractor_pids={0}))
    with pytest.raises(ValueError, match=(
            'train in .* has no image: all of its 2 images are junk or dis')):
        cls(tmp_path)
    assert len(cls(tmp_path, 'gallery')) == 1


# scanning


def test_unmatched_names_are_counted_and_three_named():
    names = ['1.jpg', 'x4', 'x1', 'x3', 'x2']
    with pytest.raises(ValueError) as error:
        parse_names(names, re.compile(r'\d\.jpg'), 'some/folder')
    assert 'some/folder: 4 of 5 names' in str(error.value)
    assert "'x1', 'x2', 'x3' and 1 more" in str(error.value)


def test_pattern_must_match_the_whole_name():
    with pytest.raises(ValueError, match='1 of 1 names'):
        parse_names(['1.jpg.part'], re.compile(r'\d\.jpg'), 'folder')


def test_a_pattern_of_the_user_must_match_the_whole_path():
    pattern = re.compile(r'(?P<pid>\d+)_c(?P<camid>\d)\.jpg')
    with pytest.raises(ValueError) as error:
        parse_paths(['1_c1.jpg', 'a/2_c1.jpg', 'b/x.jpg'], pattern, 'data')
    assert str(error.value) == (
        f'data: 2 of 3 paths do not match the pattern {pattern.pattern!r}, '
        "which must match the whole path below the folder, with '/' between "
        "its parts. The first is 'a/2_c1.jpg'; only its part '2_c1.jpg' does")
    with pytest.raises(ValueError, match=r"'b/x\.jpg'; no part of it does"):
        parse_paths(['b/x.jpg'], pattern, 'data')


def test_readers_of_folders_find_the_same_images(tmp_path):
    root = tmp_path / 'root'
    for name in ('b/2.jpg', 'a.jpg', 'b/._2.jpg', '__MACOSX/a.jpg',
                 '.DS_Store', 'b/Thumbs.db', '@eaDir/a.jpg',
                 '.Trash-1000/a.jpg', '$RECYCLE.BIN/a.jpg',
                 'lost+found/a.jpg', '.hidden/a.jpg', 'b/.3.jpg',
                 'b/4.HEIC', 'c.JPG', '../outside/5.webp'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / 'b' / 'up').symlink_to(root)
    (root / 'link').symlink_to(tmp_path / 'outside')
    expected = ['a.jpg', 'b/2.jpg', 'c.JPG', 'link/5.webp']
    found = images_below(root)
    assert found.names == expected
    assert found.skipped == (
        'hidden files and folders: 2; files that are no images by their '
        "names: 1, e.g. 'b/4.HEIC'")
    scan = scan_tree(root)
    folders = np.repeat(scan.folders, scan.counts)
    assert sorted(os.fsdecode(posixpath.join(folder, name)) for folder, name
                  in zip(folders, scan.names.tolist())) == expected
    assert (scan.num_hidden, scan.num_others) == (2, 1)
    assert scan.others == [b'b/4.HEIC']


def test_entries_may_be_links_that_stay_inside(tmp_path):
    root = tmp_path / 'root'
    (root / 'real').mkdir(parents=True)
    (root / 'real' / 'a.jpg').touch()
    (root / 'link').symlink_to(root / 'real')
    (root / 'real' / 'b.jpg').symlink_to(root / 'real' / 'a.jpg')
    link_to_root = tmp_path / 'elsewhere'
    link_to_root.symlink_to(root)
    for top in (root, link_to_root):
        check_entries(top, ['real/a.jpg', 'link/a.jpg', 'real/b.jpg'], 'l')


def test_entries_that_lead_out_are_refused(tmp_path):
    root, outside = tmp_path / 'root', tmp_path / 'root-too'
    for folder in (root, outside):
        folder.mkdir()
    (outside / 'a.jpg').touch()
    (root / 'folder').symlink_to(outside)
    (root / 'b.jpg').symlink_to(outside / 'a.jpg')
    for entry in ('folder/a.jpg', 'b.jpg', '../root-too/a.jpg',
                  str(outside / 'a.jpg')):
        with pytest.raises(ValueError, match='list.txt: 1 entries point out'):
            check_entries(root, [entry], 'list.txt')


def test_absent_entries_are_counted(tmp_path):
    (tmp_path / 'a.jpg').touch()
    with pytest.raises(FileNotFoundError, match='2 of 3 listed images'):
        check_entries(tmp_path, ['a.jpg', 'b.jpg', 'c/d.jpg'], 'list.txt')
