import logging
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets import DomainMixture, VideoTree, bytes_column
from mmreidmix.datasets.video import video_tree
from mmreidmix.datasets.video.folder_scan import folder_stamps, scan_tree
from mmreidmix.datasets.video.index_cache import TICK_NS
from mmreidmix.registry import DATASETS
from mmreidmix.toy import generate


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def tree(root, *names, name='mine', **options):
    return VideoTree(touch(root, *names), name=name, **options)


def rows(dataset):
    """Path, name of the video, tracklet and pid of each image."""
    records = dataset.records
    return [(records.path(i), dataset.camera_names[records.camids[i]],
             int(records.tracklets[i]), int(records.pids[i]))
            for i in range(len(dataset))]


# scanning


@given(st.sets(st.tuples(
    st.lists(st.sampled_from(['a', 'b-c', 'b', 'é']), max_size=3),
    st.sampled_from(['1.jpg', '2.PNG', 'x.txt', '10.jpg', '._1.jpg'])
).map(lambda p: '/'.join([*p[0], p[1]])), max_size=25))
def test_scan_finds_what_os_walk_finds(tmp_path_factory, names):
    root = touch(tmp_path_factory.mktemp('tree'), *names)
    scan = scan_tree(root, workers=2)
    expected = []
    for folder, _, files in os.walk(root):
        parts = Path(folder).relative_to(root).parts
        expected += [(parts, '/'.join([*parts, f])) for f in files
                     if f.lower().endswith(('.jpg', '.png'))
                     and not f.startswith('._')]
    expected.sort(key=lambda item: ([p.encode() for p in item[0]], item[1]))
    found, start = [], 0
    for folder, count in zip(scan.folders, scan.counts):
        found += [folder + b'/' * bool(folder) + name
                  for name in scan.names.slice(start, start + count)]
        start += count
    assert [path.decode() for path in found] == [p for _, p in expected]
    assert scan.num_others == sum(name.endswith('.txt') for name in names)
    np.testing.assert_array_equal(folder_stamps(root, scan.folders),
                                  scan.stamps)


def test_scan_follows_links_and_ends_on_loops(tmp_path):
    touch(tmp_path / 'elsewhere', 'v/1.jpg')
    root = touch(tmp_path / 'root', 'a/1.jpg', 'b/2.jpg')
    (root / 'a' / 'up').symlink_to(root)
    (root / 'a' / 'b').symlink_to(root / 'b')
    (root / 'b' / 'a').symlink_to(root / 'a')
    (root / 'out').symlink_to(tmp_path / 'elsewhere')
    scan = scan_tree(root)
    assert dict(zip(scan.folders, scan.counts.tolist())) == {
        b'': 0, b'a': 1, b'a/b': 1, b'b': 1, b'b/a': 1, b'out': 0,
        b'out/v': 1}


def test_an_unreadable_folder_is_named(tmp_path, monkeypatch):
    touch(tmp_path, 'a/1.jpg')
    true_scandir = os.scandir

    def scandir(path):
        if path.endswith(b'a'):
            raise PermissionError(13, 'Permission denied', path)
        return true_scandir(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    with pytest.raises(PermissionError, match=str(tmp_path / 'a')):
        scan_tree(tmp_path)


# videos


def test_first_folder_is_the_video_and_the_rest_the_track(tmp_path):
    dataset = tree(tmp_path, 'b/2.jpg', 'b/1.jpg', 'a-/t/1.jpg', 'a/t2/1.jpg',
                   'a/t1/x/1.jpg', 'a/1.jpg')
    assert rows(dataset) == [
        ('a/1.jpg', 'a', -1, -1), ('a/t1/x/1.jpg', 'a', 0, -1),
        ('a/t2/1.jpg', 'a', 1, -1), ('a-/t/1.jpg', 'a-', 2, -1),
        ('b/1.jpg', 'b', -1, -1), ('b/2.jpg', 'b', -1, -1)]
    assert dataset.videos.tolist() == [0, 0, 0, 1, 2, 2]
    assert dataset.num_cams == 3
    assert dataset.image_path(5) == str(tmp_path / 'b' / '2.jpg')


def test_several_folders_make_up_a_video(tmp_path):
    dataset = tree(tmp_path, 'x/a/1.jpg', 'y/a/1.jpg', 'x/b/t/1.jpg',
                   video_parts=2)
    assert rows(dataset) == [
        ('x/a/1.jpg', 'x/a', -1, -1), ('x/b/t/1.jpg', 'x/b', 0, -1),
        ('y/a/1.jpg', 'y/a', -1, -1)]


def test_images_above_the_videos_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mine in .*: 2 of 3 images lie less "
                       r"than 1 folders deep.* in: '\.'"):
        tree(tmp_path, '1.jpg', '2.jpg', 'a/1.jpg')


def test_pattern(tmp_path, monkeypatch):
    monkeypatch.setattr(bytes_column, '_BLOCK', 2)
    names = ['day/b_p7_1.jpg', 'day/a_p12_1.jpg', 'day/b_p7_2.jpg',
             'night/b_p7_1.jpg']
    dataset = tree(
        tmp_path, *names, pattern=r'(?P<video>[^/]+/[^_]+)'
        r'_(?P<track>p(?P<pid>\d+))_\d\.jpg')
    assert rows(dataset) == [
        ('day/a_p12_1.jpg', 'day/a', 0, 12), ('day/b_p7_1.jpg', 'day/b', 1, 7),
        ('day/b_p7_2.jpg', 'day/b', 1, 7),
        ('night/b_p7_1.jpg', 'night/b', 2, 7)]
    assert dataset.num_pids == 2
    across = tree(tmp_path, pattern=r'.*/(?P<video>[ab])_.*')
    assert across.camera_names == ('a', 'b')
    assert across.videos.tolist() == [0, 1, 1, 1]


def test_paths_beside_the_pattern_are_counted(tmp_path):
    names = [f'v/{i}.jpg' for i in range(6)]
    with pytest.raises(ValueError, match="5 of 6 paths .*is 'v/1.jpg'; "
                       'no part'):
        tree(tmp_path, *names, pattern=r'(?P<video>v)/0\.jpg')


def test_listing(tmp_path, log):
    root = touch(tmp_path, 'city/1.jpg', 'city/2.jpg', 'city/3.jpg', '4.jpg',
                 'city/5.jpg')
    (root / 'list').write_text(
        'city/3.jpg\tz\r\n\ncity/1.jpg\tz\n4.jpg\ta b\ncity/2.jpg\ta b')
    dataset = tree(root, listing='list')
    assert rows(dataset) == [
        ('4.jpg', 'a b', -1, -1), ('city/1.jpg', 'z', -1, -1),
        ('city/2.jpg', 'a b', -1, -1), ('city/3.jpg', 'z', -1, -1)]
    assert '1 images that are not in list are left out' in log.text


@pytest.mark.parametrize('text, error, message', [
    ('v/1.jpg\n', ValueError, 'list, line 1: expected a path, a tab and'),
    ('v/1.jpg\ta\nv/1.jpg\t\n', ValueError, 'list, line 2: expected'),
    ('v/1.jpg\ta\tb\n', ValueError, 'list, line 1: expected'),
    ('v/1.jpg\ta\nv/1.jpg\tb\n', ValueError, "1 images are listed more than "
     "once, e.g. 'v/1.jpg'"),
    ('v/1.jpg\ta\nv/0.jpg\ta\nv/9.jpg\ta\nw/1.jpg\ta\n../v/1.jpg\ta\n',
     FileNotFoundError, "4 of 5 listed images are not there, e.g. "
     "'../v/1.jpg', 'v/0.jpg', 'v/9.jpg'"),
    ('\n', ValueError, 'list: no image is listed'),
])
def test_wrong_listing(tmp_path, text, error, message):
    touch(tmp_path, 'v/1.jpg', 'v/2.jpg').joinpath('list').write_text(text)
    with pytest.raises(error, match=message):
        tree(tmp_path, listing='list')


def test_absent_listing(tmp_path):
    with pytest.raises(FileNotFoundError, match='no-list'):
        tree(tmp_path, 'v/1.jpg', listing='no-list')


# odd trees


def test_odd_videos_are_counted(tmp_path, log):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'half' / 'empty').mkdir(parents=True)
    dataset = tree(tmp_path, 'one/1.jpg', 'two/1.jpg', 'two/2.jpg',
                   'two/notes.txt', 'two/Thumbs.db', '__MACOSX/1.jpg')
    assert dataset.camera_names == ('one', 'two')
    assert "2 folders are empty, e.g. 'empty', 'half/empty'" in log.text
    assert ('left out: files that are no images by their names: 1, e.g. '
            "'two/notes.txt'") in log.text
    assert '2 videos of 1 to 2 images, median 2, 1 of one image' in log.text


def test_small_videos_can_be_left_out(tmp_path, log):
    dataset = tree(tmp_path, 'a/1.jpg', 'b/1.jpg', 'b/2.jpg', 'c/t/1.jpg',
                   'd/1.jpg', 'd/u/2.jpg', min_images=2)
    assert [row[:2] for row in rows(dataset)] == [
        ('b/1.jpg', 'b'), ('b/2.jpg', 'b'), ('d/1.jpg', 'd'),
        ('d/u/2.jpg', 'd')]
    assert dataset.videos.tolist() == [0, 0, 1, 1]
    assert '2 videos with fewer than 2 images are left out' in log.text
    with pytest.raises(ValueError, match='none of 4 videos has 3 images'):
        tree(tmp_path, min_images=3)


def test_no_video_at_all(tmp_path):
    (tmp_path / 'v').mkdir()
    for name in ('v/readme.txt', 'v/inner/._1.jpg'):
        with pytest.raises(FileNotFoundError,
                           match='mine train: not found(.|\n)*<video>/<track>'
                           '(.|\n)*--layout videos'):
            tree(tmp_path, name)


@pytest.mark.parametrize('options, message', [
    (dict(video_parts=0), 'video_parts must be an integer .*, got 0'),
    (dict(video_parts=1.5), 'video_parts must be .*, got 1.5'),
    (dict(min_images=0), 'min_images must be .*, got 0'),
    (dict(workers=0), 'workers must be .*, got 0'),
    (dict(subset='query'), "subset must be .*, got 'query'"),
    (dict(pattern='(?P<video>'), 'not a regular expression'),
    (dict(pattern='(?P<camid>.*)'), r"\['camid'\]; .* needs 'video'"),
    (dict(pattern=r'(?P<video>v)/(?P<pid>.+)\.jpg'), "v/x.jpg: pid is 'x'"),
    (dict(video_parts=1, listing='l'), 'give at most one of'),
    (dict(pattern='(?P<video>.*)', listing='l'), 'give at most one of'),
])
def test_wrong_options(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        tree(tmp_path, 'v/x.jpg', **options)


def test_unknown_option(tmp_path):
    with pytest.raises(ValueError, match=(
            "VideoTree has no option 'videoparts'; did you mean 'video_parts'"
    )):
        DATASETS.build(dict(type='VideoTree', data_root=touch(
            tmp_path, 'v/1.jpg'), name='m', videoparts=2))


# index on disk


@pytest.fixture
def kept(tmp_path, log, monkeypatch):
    """A tree with an index; tells how the next load reads it.

    The folders look as if they had been changed long ago.
    """
    now = time.time_ns
    monkeypatch.setattr(time, 'time_ns', lambda: now() + 50 * TICK_NS)
    root = touch(tmp_path / 'data', 'a/1.jpg', 'a/2.jpg', 'b/1.jpg')
    (root / 'empty').mkdir()

    def load(**options):
        log.clear()
        dataset = VideoTree(root, name='m', cache=str(tmp_path / 'kept'),
                            **options)
        return rows(dataset), 'read from the index' in log.text

    load.root, load.folder = root, tmp_path / 'kept'
    return load


def test_index_is_used_again_and_says_the_same(kept, log):
    first, from_index = kept()
    assert not from_index
    text = log.text
    second, from_index = kept()
    assert from_index
    assert second == first
    assert "1 folders are empty, e.g. 'empty'" in text
    assert "1 folders are empty, e.g. 'empty'" in log.text
    assert kept(min_images=2) == (first[:2], False)
    assert kept(min_images=2) == (first[:2], True)


@pytest.mark.parametrize('change', [
    lambda root: touch(root, 'a/3.jpg'),
    lambda root: touch(root, 'empty/1.jpg'),
    lambda root: touch(root, 'c/t/1.jpg'),
    lambda root: (root / 'a' / '1.jpg').unlink(),
    lambda root: (root / 'a' / '1.jpg').rename(root / 'a' / '0.jpg'),
    lambda root: (root / 'b').rename(root / 'd'),
    lambda root: (root / 'a' / '1.jpg').rename(root / 'b' / '3.jpg'),
])
def test_index_of_a_changed_tree_is_not_used(kept, change):
    before, _ = kept()
    change(kept.root)
    after, from_index = kept()
    assert not from_index
    assert after != before
    assert after == rows(VideoTree(kept.root, name='m', cache=False))
    assert kept() == (after, True)


def test_index_of_a_changed_listing_is_not_used(kept):
    listing = kept.root.parent / 'list'
    listing.write_text('a/1.jpg\tx\n')
    assert [r[1] for r in kept(listing='../list')[0]] == ['x']
    assert kept(listing='../list')[1]
    listing.write_text('a/1.jpg\ty\n')
    assert [r[1] for r in kept(listing='../list')[0]] == ['y']


def test_damaged_index_is_replaced_with_a_warning(kept, log):
    before, _ = kept()
    file, = kept.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert kept() == (before, False)
    assert any('is damaged' in r.getMessage() and
               r.levelno == logging.WARNING for r in log.records)
    assert kept() == (before, True)


def test_index_of_a_tree_that_was_just_changed_is_not_kept(kept, monkeypatch):
    monkeypatch.undo()
    touch(kept.root, 'now/1.jpg')
    kept()
    assert not kept.folder.exists()


def test_only_large_trees_are_kept_by_themselves(kept, monkeypatch):
    root = kept.root
    VideoTree(root, name='m')
    assert not (root.parent / '.mmreidmix_cache').exists()
    monkeypatch.setattr(video_tree, '_MIN_IMAGES_OF_INDEX', 3)
    VideoTree(root, name='m', cache=False)
    assert not (root.parent / '.mmreidmix_cache').exists()
    VideoTree(root, name='m')
    assert len(list((root.parent / '.mmreidmix_cache').iterdir())) == 1
    outer = VideoTree(root.parent, name='m', cache=False)
    assert outer.camera_names == ('data', )


# in a mixture


def test_toy_videos_in_a_mixture(tmp_path):
    generate(tmp_path, 'videos', 'real_b', num_ids=6, num_cameras=3,
             images_per_camera=4, size=(32, 16), workers=1)
    mixture = DomainMixture(
        [dict(type='VideoTree', data_root=str(tmp_path), name='videos',
              pattern=r'(?P<video>[^/]+)/'
              r'(?P<track>p(?P<pid>\d+)_t\d+)_\d+\.jpg', role='unlabelled')],
        [dict(type='LoadReIDImage'), dict(type='PackReIDInputs')])
    records = mixture.domains[0].records
    assert len(mixture) == 24
    assert mixture.domains[0].num_pids == 6
    assert (mixture.label_table.labels == -1).all()
    for pid in range(6):
        assert set(records.camids[records.pids == pid]) == {pid % 3}
    assert len(np.unique(records.tracklets)) == 12
    for index in (0, 23):
        sample = mixture[index]
        assert sample['inputs'].shape == (3, 32, 16)
        assert sample['data_samples'].pid == -1
        assert sample['data_samples'].camid == records.camids[index]
    image = cv2.imread(mixture.get_data_info(23)['img_path'])
    assert image.shape == (32, 16, 3)
