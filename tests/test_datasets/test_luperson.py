import pytest

from mmreidmix.datasets import LUPerson


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_luperson_tree(tmp_path):
    names = [f'de/{video}/00000001_0001.jpg'
             for video in ('berlin/x1', 'berlin/x2', 'bonn/x1')]
    dataset = LUPerson(touch(tmp_path, *names))
    assert dataset.name == 'luperson'
    assert dataset.camera_names == ('de/berlin/x1', 'de/berlin/x2',
                                    'de/bonn/x1')
    assert dataset.videos.tolist() == [0, 1, 2]


def test_luperson_keys(tmp_path):
    names = ['part/01_02_0003_00000004.jpg', '01_02_0003_00000001.jpg',
             '01_03_0003_00000001.jpg']
    dataset = LUPerson(touch(tmp_path, *names), layout='keys', name='lup-part')
    assert dataset.camera_names == ('01_02_0003', '01_03_0003')
    assert dataset.videos.tolist() == [0, 1, 0]


def test_luperson_without_videos_says_what_to_do(tmp_path):
    names = ['de/berlin/00000001_0001.jpg', 'de/berlin/x/00000001_0001.jpg']
    with pytest.raises(ValueError, match="1 of 2 images lie less than 3 "
                       "folders deep.*'de/berlin'.*videos are lost.*Extract "
                       'them again.*`listing`'):
        LUPerson(touch(tmp_path, *names))
    (tmp_path / 'list.tsv').write_text(
        ''.join(f'{name}\tv{i}\n' for i, name in enumerate(names)))
    assert LUPerson(tmp_path, listing='list.tsv').camera_names == ('v0', 'v1')


def test_luperson_options(tmp_path):
    with pytest.raises(ValueError, match="layout must be .*, got 'lmdb'"):
        LUPerson(tmp_path, layout='lmdb')
    with pytest.raises(TypeError, match='video_parts'):
        LUPerson(tmp_path, video_parts=2)
