"""The sets of the protocols beside Market-1501, MSMT17 and CUHK03."""

import io
import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from mmreidmix.datasets.public import (
    CUHK01,
    CUHK02,
    CUHKSYSU,
    GRID,
    MARS,
    PRID2011,
    ClonedPerson,
    CUHK03Classic,
    OccludedDuke,
    QMULiLIDS,
    ThreeDPeS,
    UnrealPerson,
    VIPeR,
)
from mmreidmix.datasets.public.split_dataset import hashed_order
from mmreidmix.registry import DATASETS
from mmreidmix.toy import LAYOUTS, generate
from mmreidmix.toy.layouts import Plan

# layout, canonical name of 'train', class, has a query and a gallery
SETS = [
    ('viper', 'viper-0a', VIPeR, True),
    ('prid', 'prid-0', PRID2011, True),
    ('grid', 'grid-0', GRID, True),
    ('ilids119', 'ilids119-0', QMULiLIDS, True),
    ('cuhk01', 'cuhk01-0', CUHK01, True),
    ('cuhk02', 'cuhk02', CUHK02, True),
    ('cuhk03-classic-detected', 'cuhk03-classic-detected-0', CUHK03Classic,
     True),
    ('cuhksysu-crops', 'cuhksysu-crops', CUHKSYSU, False),
    ('3dpes', '3dpes', ThreeDPeS, False),
    ('unreal-list120k', 'unreal-list120k', UnrealPerson, False),
    ('clonedperson', 'clonedperson', ClonedPerson, True),
    ('mars', 'mars', MARS, False),
    ('occluded-duke', 'occluded-duke', OccludedDuke, True),
]


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def options_of(cls):
    """What a class must be given beside the folder."""
    return ({'i_know_it_was_withdrawn': True} if cls is OccludedDuke else {})


def columns(dataset):
    records = dataset.records
    return list(zip(records.pids.tolist(), records.camids.tolist()))


def messages(log, level=logging.INFO):
    return '\n'.join(r.getMessage() for r in log.records
                     if r.levelno == level)


@pytest.mark.parametrize('layout, name, cls, has_test', SETS)
def test_helpful_when_missing(tmp_path, layout, name, cls, has_test):
    with pytest.raises(FileNotFoundError) as error:
        DATASETS.build({'type': cls.__name__, 'data_root': tmp_path,
                        **options_of(cls)})
    message = str(error.value)
    assert message.startswith(f'{name} train: not found')
    assert cls.tree.strip() in message and cls.obtain in message
    assert f'{tmp_path} --layout {layout} ' in message


@pytest.mark.parametrize('layout, name, cls, has_test', SETS)
def test_toy_data_loads(tmp_path, log, layout, name, cls, has_test):
    many = cls in (UnrealPerson, ClonedPerson, OccludedDuke, ThreeDPeS)
    generate(tmp_path, layout, 'real_a', num_ids=6, images_per_camera=1,
             num_cameras=2 if many else None, size=(32, 16), workers=1)
    options = options_of(cls)
    train = cls(tmp_path, pipeline=[{'type': 'LoadReIDImage'}], **options)
    assert train.name == name and not name.endswith('all')
    assert train[0]['img'].shape == (32, 16, 3)
    if 'train' in train.expected:
        assert not train.counts_ok
        _, want, _ = train.expected['train']
        assert (f'ids {want:,} expected, {train.num_pids:,} found'
                in messages(log, logging.WARNING))
    if not has_test:
        assert len(cls(tmp_path, 'all')) >= len(train)
        with pytest.raises(ValueError, match="subset must be .*, got 'query'"):
            cls(tmp_path, 'query')
        return
    query, gallery = (cls(tmp_path, subset, **options)
                      for subset in ('query', 'gallery'))
    known = set(gallery.records.pids.tolist())
    assert known >= set(query.records.pids.tolist())
    assert not known & set(train.records.pids.tolist())
    everything = cls(tmp_path, 'all', **options)
    assert everything.num_pids == train.num_pids + query.num_pids


@pytest.mark.parametrize('layout, name, cls, has_test', SETS)
def test_foreign_names_are_errors(tmp_path, layout, name, cls, has_test):
    generate(tmp_path, layout, 'real_a', num_ids=6, num_cameras=2,
             images_per_camera=1, size=(32, 16), workers=1)
    folder = next(p.parent for p in sorted(tmp_path.rglob('*'))
                  if p.suffix in ('.jpg', '.jpeg', '.png', '.bmp')
                  and 'test' not in str(p.parent.relative_to(tmp_path)))
    touch(folder, '._x.jpg', 'Thumbs.db')
    options = {'listing': None} if cls is UnrealPerson else options_of(cls)
    subset = 'all' if cls is not ClonedPerson else 'train'
    touch(folder, 'holiday.jpg')
    with pytest.raises(ValueError, match=r"1 of .*'holiday.jpg'"):
        cls(tmp_path, subset, **options)


# Ten splits


def split_tree(root, cls, people):
    """Names of a set with ten splits, without pictures."""
    if cls is VIPeR:
        touch(root, *(f'VIPeR/cam_{c}/{p:03d}_{a}.bmp' for p in people
                      for c, a in (('a', 0), ('b', 90))))
    elif cls is PRID2011:
        touch(root, *(f'prid_2011/single_shot/cam_{c}/person_{p:04d}.png'
                      for p in people for c in 'ab'))
    elif cls is CUHK01:
        touch(root, *(f'campus/{p:04d}00{k}.png' for p in people
                      for k in (1, 2, 3, 4)))
    else:
        touch(root, *(f'i-LIDS_Pedestrian/Persons/{p:04d}00{k}.jpg'
                      for p in people for k in (1, 2, 3)))
    return root


@pytest.mark.parametrize('cls', [VIPeR, PRID2011, CUHK01, QMULiLIDS])
def test_splits_are_halves_and_differ(tmp_path, cls):
    root = split_tree(tmp_path, cls, range(1, 22))
    seen = set()
    for split in range(10):
        parts = [set(cls(root, part, split=split).records.pids.tolist())
                 for part in ('train', 'query', 'gallery')]
        assert parts[1] == parts[2] and not parts[0] & parts[1]
        assert (len(parts[0]), len(parts[1])) == (10, 11)
        seen.add(frozenset(parts[0]))
    assert len(seen) == 10
    for split in (10, -1, '0', None):
        with pytest.raises(ValueError, match=f'split .* got {split!r}'):
            cls(root, split=split)


# Recorded once: these must never change, or results lose their meaning.
FIRST = {
    'viper/0/pid': [8, 171, 28, 127, 101, 42, 144, 59],
    'viper/9/pid': [182, 200, 34, 167, 161, 193, 114, 80],
    'prid/0/pid': [185, 62, 14, 57, 106, 159, 38, 72],
    'ilids119/0/pid': [58, 102, 165, 139, 68, 112, 7, 137],
    'ilids119/0/image/1': [8, 4, 7, 6, 5, 3, 2, 1],
}


@pytest.mark.parametrize('key', FIRST)
def test_splits_stay_the_same_for_ever(key):
    items = range(1, 9) if 'image' in key else range(1, 201)
    assert hashed_order(items, key)[:8] == FIRST[key]


def test_official_sizes_of_the_splits(tmp_path):
    """All names of the real PRID2011 and of a full i-LIDS."""
    top = 'prid_2011/single_shot'
    touch(tmp_path, *(f'{top}/cam_a/person_{p:04d}.png'
                      for p in range(1, 386)),
          *(f'{top}/cam_b/person_{p:04d}.png' for p in range(1, 750)))
    for subset in ('train', 'query', 'gallery', 'all'):
        assert PRID2011(tmp_path, subset, split=3).counts_ok
    histogram = (119, 119, 97, 64, 40, 25, 8, 4)
    touch(tmp_path / 'QMUL-iLIDS' / 'images', *(
        f'{pid:04d}00{k + 1}.jpg' for k, count in enumerate(histogram)
        for pid in range(1, count + 1)))
    for subset in ('query', 'gallery', 'all'):
        assert QMULiLIDS(tmp_path, subset, split=9).counts_ok


@given(st.lists(st.integers(0, 10_000), max_size=20, unique=True),
       st.integers(0, 9))
def test_adding_an_item_keeps_the_order_of_the_others(items, split):
    order = hashed_order(items, split)
    assert sorted(order) == sorted(items)
    more = hashed_order([*items, 10_001], split)
    assert [item for item in more if item != 10_001] == order


def test_viper_variants(tmp_path):
    root = split_tree(tmp_path, VIPeR, [0, 7, 100, 873])

    def part(subset, variant):
        dataset = VIPeR(root, subset, split=4, variant=variant)
        assert dataset.name == f'viper-4{variant}'
        return columns(dataset)

    for one, other, camera in (('a', 'b', 0), ('c', 'd', 1)):
        pids = [p for p, _ in part('query', one)]
        assert part('query', one) == [(p, camera) for p in pids]
        assert part('gallery', one) == [(p, 1 - camera) for p in pids]
        assert {p for p, _ in part('train', other)} == set(pids)
        assert not {p for p, _ in part('query', other)} & set(pids)
    assert {p for p, _ in part('query', 'a')} == {
        p for p, _ in part('query', 'c')}
    assert VIPeR(root, 'all').name == 'viper-all'
    with pytest.raises(ValueError, match="variant must be .*, got 'e'"):
        VIPeR(root, variant='e')


def test_prid_strangers(tmp_path):
    top = 'prid_2011/single_shot'
    touch(tmp_path, *(f'{top}/cam_{c}/person_{p:04d}.png'
                      for p in (1, 2, 200, 201, 300) for c in 'ab'))
    gallery = PRID2011(tmp_path, 'gallery')
    pids = gallery.records.pids.tolist()
    assert {1201, 1300} < set(pids) and len(pids) == 4
    assert set(gallery.records.camids.tolist()) == {1}
    assert max(PRID2011(tmp_path, 'query').records.pids) <= 200
    assert max(PRID2011(tmp_path, 'train').records.pids) <= 200
    # 201 and 300 of the two cameras are four people
    assert PRID2011(tmp_path, 'all').num_pids == 3 + 4


def test_ilids_draws_two_images(tmp_path):
    root = split_tree(tmp_path, QMULiLIDS, range(1, 21))
    pairs = set()
    for split in range(10):
        query = QMULiLIDS(root, 'query', split=split)
        gallery = QMULiLIDS(root, 'gallery', split=split)
        assert query.records.pids.tolist() == gallery.records.pids.tolist()
        assert (query.records.camids != gallery.records.camids).all()
        pairs |= set(zip(query.records.camids.tolist(),
                         gallery.records.camids.tolist()))
    assert pairs == {(a, b) for a in range(3) for b in range(3) if a != b}


# GRID


def write_splits(path, lists):
    cell = np.empty((1, len(lists)), object)
    for k, pids in enumerate(lists):
        cell[0, k] = {'a': 1, 'b': 2, 'trainIdx': np.array([pids])}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {'trainIdxAll': cell, 'features': np.zeros(3)})


def grid(root, lists=None):
    names = [f'{folder}/{pid:04d}_{cam}_x.jpeg' for pid in range(1, 5)
             for folder, cam in (('probe', pid), ('gallery', pid + 1))]
    top = root / 'underground_reid'
    touch(top, *names, 'gallery/0000_1_a.jpeg', 'gallery/0000_2_b.jpeg')
    write_splits(top / 'features_and_partitions.mat',
                 lists or [[1, 2], [3, 4]] * 5)
    return root


def test_grid_official_splits(tmp_path):
    root = grid(tmp_path)
    assert columns(GRID(root, 'query')) == [(3, 2), (4, 3)]
    assert columns(GRID(root, 'query', split=1)) == [(1, 0), (2, 1)]
    gallery = GRID(root, 'gallery')
    assert columns(gallery) == [(0, 0), (0, 1), (3, 3), (4, 4)]
    assert gallery.num_pids == 2
    assert set(GRID(root, 'train').records.pids.tolist()) == {1, 2}
    assert len(GRID(root, 'all')) == 8
    assert columns(GRID(root / 'underground_reid', 'query')) == [
        (3, 2), (4, 3)]


def test_toy_grid_splits_are_the_same_bytes_at_any_time():
    rules = LAYOUTS['grid']
    plan = Plan(ids=20, test_ids=0, images=1, cameras=6)
    (data, ), (again, ) = (rules.texts(plan).values() for _ in range(2))
    assert data == again
    assert data[:116].strip() == b'MATLAB 5.0 MAT-file, toy data'
    cell = loadmat(io.BytesIO(data))['trainIdxAll'][0]
    halves = {tuple(np.ravel(split[0][0][2])) for split in cell}
    assert len(halves) == 10 and {len(half) for half in halves} == {10}


def test_grid_without_its_splits(tmp_path):
    root = grid(tmp_path)
    file = root / 'underground_reid' / 'features_and_partitions.mat'
    write_splits(file, [[1, 2]] * 9)
    with pytest.raises(ValueError, match='9 splits, expected 10'):
        GRID(root)
    buffer = io.BytesIO()
    savemat(buffer, {'other': 1})
    for data in (buffer.getvalue(), b'no mat file' * 30):
        file.write_bytes(data)
        with pytest.raises(ValueError, match='official splits'):
            GRID(root)
    file.unlink()
    with pytest.raises(FileNotFoundError, match='features_and_partitions'):
        GRID(root)


# CUHK03, classic


def cuhk03(root, people, splits):
    top = root / 'cuhk03_release'
    touch(top / 'images_labeled', *(
        f'{pair}_{pid:03d}_{view}_{5 * view - 4:02d}.png'
        for pair, pid in people for view in (1, 2)))
    (top / 'testsets.json').write_text(json.dumps(splits))
    return root


def test_cuhk03_classic_splits(tmp_path):
    people = [[1, 1], [1, 2], [2, 1], [5, 2]]
    root = cuhk03(tmp_path, people, [people[:1], people[2:]] * 10)

    def part(subset, split, data_root=root):
        return CUHK03Classic(data_root, subset, split=split, boxes='labeled')

    query = part('query', 1)
    assert query.name == 'cuhk03-classic-labeled-1'
    assert columns(query) == [(2001, 0), (2001, 1), (5002, 0), (5002, 1)]
    assert columns(part('gallery', 1)) == columns(query)
    assert set(part('train', 1).records.pids.tolist()) == {1001, 1002}
    assert set(part('query', 2).records.pids.tolist()) == {1001}
    assert part('all', 0).num_pids == 4
    assert part('all', 0).name == 'cuhk03-all-labeled'
    assert len(part('train', 1, root / 'cuhk03_release')) == 4
    for bad in (20, -1):
        with pytest.raises(ValueError, match=f'split must be .*, got {bad}'):
            part('train', bad)
    with pytest.raises(FileNotFoundError, match='images_detected'):
        CUHK03Classic(root)


def test_cuhk03_classic_without_its_splits(tmp_path):
    root = cuhk03(tmp_path, [[1, 1]], [[[1, 1]]] * 19)
    file = root / 'cuhk03_release' / 'testsets.json'
    with pytest.raises(ValueError, match='19 splits, expected 20'):
        CUHK03Classic(root, boxes='labeled')
    for text in ('[[1, 2]]', 'none', '{"a": 1}', '[[[1]]]'):
        file.write_text(text)
        with pytest.raises(ValueError, match='lists of .pair, identity.'):
            CUHK03Classic(root, boxes='labeled')
    file.unlink()
    with pytest.raises(FileNotFoundError, match='testsets.json'):
        CUHK03Classic(root, boxes='labeled')


# CUHK02 and CUHK-SYSU


@pytest.mark.parametrize('top', ['', 'Dataset/', 'cuhk02/Dataset/'])
def test_cuhk02_pairs_have_people_of_their_own(tmp_path, top):
    touch(tmp_path, *(f'{top}P{pair}/cam{cam}/001_{k}.png'
                      for pair in range(1, 6) for cam in (1, 2)
                      for k in (12, 34)))
    train = CUHK02(tmp_path)
    assert (train.num_pids, len(train)) == (4, 16)
    assert sorted(set(columns(train))) == [
        (10_001 + 10_000 * p, 2 * p + c) for p in range(4) for c in (0, 1)]
    assert set(columns(CUHK02(tmp_path, 'query'))) == {(50_001, 8)}
    assert set(columns(CUHK02(tmp_path, 'gallery'))) == {(50_001, 9)}
    assert CUHK02(tmp_path, 'all').num_pids == 5


@pytest.mark.parametrize('name', [
    'cropped_images/p12_s3_1.jpg', 'cropped_image/p00012_n02_s00003_hard1.png',
    'CUHK-SYSU/bounding_box_train/12_c1_99.jpg', 'bounding_box_train/12_c0.jpg'
])
def test_cuhk_sysu_layouts(tmp_path, name):
    touch(tmp_path, name)
    assert columns(CUHKSYSU(tmp_path)) == [(12, 0)]
    assert CUHKSYSU(tmp_path).num_cams == 1


# The others


def test_cuhk01_cameras(tmp_path):
    split_tree(tmp_path, CUHK01, [1, 2])
    everything = CUHK01(tmp_path / 'campus', 'all')
    assert columns(everything) == [(p, c) for p in (1, 2)
                                   for c in (0, 0, 1, 1)]


def test_occluded_duke_has_shared_images_once(tmp_path, log):
    name = '0001_c2_f0046182.jpg'
    touch(tmp_path / 'Occluded_Duke', f'query/{name}',
          f'bounding_box_test/{name}',
          'bounding_box_train/0002_c1_f0000001.jpg')
    assert [len(OccludedDuke(tmp_path, subset, **options_of(OccludedDuke)))
            for subset in ('query', 'gallery', 'all')] == [1, 1, 2]
    assert '1 images that are both query and gallery' in messages(log)
    assert 'withdrawn' in messages(log, logging.WARNING)


def unreal(root):
    names = ['unreal_v1.1/images/0007_c02_0001.jpg',
             'unreal_v2.1/images/0007_c02_0001.jpg',
             'unreal_v1.3/images/0007_c02_0001.png',
             'unreal_v1.3/images/0008_c11_0001.jpg']
    touch(root, *names)
    return names


def test_unreal_identities_and_cameras(tmp_path):
    names = unreal(tmp_path)
    dataset = UnrealPerson(tmp_path, listing=None)
    assert dataset.name == 'unreal-full' and dataset.counts_ok
    assert sorted(set(dataset.records.pids.tolist())) == [71, 73, 83]
    assert dataset.camera_names == ('s1_c2', 's1_c11', 's2_c2')
    (tmp_path / 'list_unreal_train.txt').write_text(
        f'{names[0]} 0 0\r\n./unreal/{names[2]} 1 4\r\n')
    listed = UnrealPerson(tmp_path)
    assert columns(listed) == [(71, 0), (73, 0)]
    assert listed.name == 'unreal-list120k' and not listed.counts_ok
    (tmp_path / names[0]).unlink()
    with pytest.raises(FileNotFoundError, match='1 of 2 listed images'):
        UnrealPerson(tmp_path)


@pytest.mark.parametrize('line', [
    '../other/0001_c1_1.jpg 0 0', 'unreal_v9.1/images/0001_c1_1.jpg 0 0'])
def test_unreal_malformed_list(tmp_path, line):
    unreal(tmp_path)
    (tmp_path / 'list_unreal_train.txt').write_text(line)
    with pytest.raises(ValueError, match='1 of 1 names'):
        UnrealPerson(tmp_path)


def test_cloned_person_cameras(tmp_path):
    tokens = [(2, 0), (4, 1), (5, 3), (6, 0), (12, 0)]
    names = [f'70000{i}_s{s:02d}_c{c:02d}_f000001.jpg'
             for i, (s, c) in enumerate(tokens)]
    touch(tmp_path / 'train', *names[:3])
    touch(tmp_path / 'test', f'query/{names[3]}', f'gallery/{names[4]}')
    # the number of a camera does not depend on the subset
    assert columns(ClonedPerson(tmp_path)) == [
        (700000, 0), (700001, 1), (700002, 2)]
    assert columns(ClonedPerson(tmp_path, 'query')) == [(700003, 3)]
    gallery = ClonedPerson(tmp_path, 'gallery')
    assert columns(gallery) == [(700004, 4)]
    assert gallery.camera_names == (
        's02_c00', 's04_c01', 's05_c03', 's06_c00', 's12_c00')
    released = ClonedPerson(tmp_path, 'all', cameras='released')
    assert dict(columns(released)) == {
        700000: 0, 700001: 1, 700002: 2, 700003: 0, 700004: 0}
    assert released.name == 'clonedperson-released-cameras'
    with pytest.raises(ValueError, match="cameras must be .*, got 'four'"):
        ClonedPerson(tmp_path, cameras='four')


def test_cloned_person_without_gallery(tmp_path):
    touch(tmp_path / 'train', '700000_s02_c00_f000001.jpg')
    assert len(ClonedPerson(tmp_path)) == 1
    for subset in ('gallery', 'all'):
        with pytest.raises(FileNotFoundError, match='test/'):
            ClonedPerson(tmp_path, subset)


def test_mars_tracklets(tmp_path, log):
    touch(tmp_path / 'mars', *(
        f'bbox_train/0003/0003C{c}T{t:04d}F{f:03d}.jpg'
        for c, t, f in [(1, 1, 1), (1, 1, 2), (1, 2, 1), (6, 1, 1)]),
        'bbox_test/00-1/00-1C1T0001F001.jpg',
        'bbox_test/0000/0000C1T0001F1001.jpg',
        'bbox_test/0002/0002C1T0001F001.jpg')
    train = MARS(tmp_path)
    assert columns(train) == [(3, 0), (3, 0), (3, 0), (3, 5)]
    assert train.records.tracklets.tolist() == [0, 0, 1, 2]
    everything = MARS(tmp_path, 'all')
    assert everything.records.tracklets.tolist() == [0, 1, 1, 2, 3]
    assert '1 junk images dropped' in messages(log)
    assert '1 distractor images dropped' in messages(log)
    videos = MARS(tmp_path, single_camera='tracklet')
    assert videos.videos.tolist() == [0, 0, 1, 2]
    touch(tmp_path / 'mars', 'bbox_train/0003/0004C1T0001F001.jpg')
    with pytest.raises(ValueError, match='in the folder of 0003'):
        MARS(tmp_path)


def test_three_dpes_views(tmp_path):
    touch(tmp_path / '3DPeS' / 'RGB', '1_3_FRAME_1_RGB.bmp',
          '1_10_FRAME_9_RGB.bmp', '20_10_FRAME_2_RGB.bmp')
    dataset = ThreeDPeS(tmp_path)
    assert sorted(columns(dataset)) == [(1, 0), (1, 1), (20, 1)]
    assert dataset.camera_names == ('3', '10')
