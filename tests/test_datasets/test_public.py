import itertools
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets.public import (
    CUHK03NP,
    MSMT17,
    DukeMTMCReID,
    Market1501,
    PersonX,
    PKUReid,
    RandPerson,
)
from mmreidmix.registry import DATASETS
from mmreidmix.toy import generate

FOLDERS = {'train': 'bounding_box_train', 'query': 'query',
           'gallery': 'bounding_box_test'}


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def market_tree(root, train=(), query=(), gallery=()):
    for part, names in (('train', train), ('query', query),
                        ('gallery', gallery)):
        (root / FOLDERS[part]).mkdir(parents=True, exist_ok=True)
        touch(root / FOLDERS[part], *names)


def columns(dataset):
    records = dataset.records
    return list(zip(records.pids.tolist(), records.camids.tolist()))


def messages(log, level=logging.INFO):
    return '\n'.join(r.getMessage() for r in log.records
                     if r.levelno == level)


WITHDRAWN = {'i_know_it_was_withdrawn': True}
VARIANTS = [
    ('market1501', Market1501, {}),
    ('msmt17-v1', MSMT17, {}),
    ('msmt17-v2', MSMT17, {'version': 'v2'}),
    ('personx-visda', PersonX, {}),
    ('randperson-subset', RandPerson, {}),
    ('cuhk03np-detected', CUHK03NP, {}),
    ('cuhk03np-labeled', CUHK03NP, {'boxes': 'labeled'}),
    ('dukemtmc-reid', DukeMTMCReID, WITHDRAWN),
    ('pku-reid', PKUReid, {}),
]


@pytest.mark.parametrize('layout, cls, options', VARIANTS)
def test_registered_and_helpful_when_missing(tmp_path, layout, cls, options):
    with pytest.raises(FileNotFoundError) as error:
        DATASETS.build(
            {'type': cls.__name__, 'data_root': tmp_path, **options})
    message = str(error.value)
    assert message.startswith(f'{layout} train: not found')
    assert cls.tree.strip() in message
    assert cls.obtain in message
    assert ('python tools/dataset_converters/make_toy_data.py '
            f'{tmp_path} --layout {layout} '
            '--style <synthetic|real_a|real_b|unseen>') in message


@pytest.mark.parametrize('layout, cls, options', VARIANTS)
def test_toy_data_loads_unchanged(tmp_path, layout, cls, options):
    generate(tmp_path, layout, 'real_a', num_ids=2,
             num_test_ids=None if cls is RandPerson else 2,
             images_per_camera=1, workers=1)
    train = cls(tmp_path, pipeline=[{'type': 'LoadReIDImage'}], **options)
    assert train.name == layout
    assert train.num_pids == 2
    assert not train.counts_ok
    assert train[0]['img'].ndim == 3
    if cls is RandPerson:
        return
    query = cls(tmp_path, 'query', **options)
    gallery = cls(tmp_path, 'gallery', **options)
    assert query.num_pids == (4 if cls is PKUReid else 2)
    assert set(query.records.pids) == set(gallery.records.pids)
    assert cls(tmp_path, 'all', **options).num_pids == 4


@pytest.mark.parametrize('cls', [DukeMTMCReID, Market1501, PersonX])
def test_root_may_be_the_official_folder(tmp_path, cls):
    names = {
        DukeMTMCReID: ['0001_c2_f0046182.jpg'],
        Market1501: ['0001_c2s1_000001_01.jpg'],
        PersonX: personx_names((10, 11, 12, 3, 4, 8))
    }[cls]
    top = tmp_path / cls.top_folders(None)[0]
    market_tree(top, names)
    options = WITHDRAWN if cls is DukeMTMCReID else {}
    outer, inner = cls(tmp_path, **options), cls(top, **options)
    assert columns(outer) == columns(inner)
    assert outer.image_path(0) == inner.image_path(0) == str(
        top / 'bounding_box_train' / names[0])


# Market-1501


def market(tmp_path):
    # the folder above looks like a camera and an identity: never read
    root = tmp_path / '0777_c3s1_mask_train_v2' / 'Market-1501-v15.09.15'
    market_tree(
        root,
        train=['0002_c1s1_000451_03.jpg', '0007_c6s2_000001_01.jpg',
               '._0002_c1s1_000451_03.jpg', 'Thumbs.db'],
        query=['1488_c2s1_000001_00.jpg.jpg'],
        gallery=['0000_c3s1_000001_01.jpg', '-1_c1s1_000401_03.jpg',
                 '-1_c4s1_000401_03.jpg', '1488_c5s3_000001_01.jpg',
                 '0000_c3s1_000002_01.jpg.jpg'])
    return root.parent


def test_market_subsets(tmp_path, log):
    root = market(tmp_path)
    assert columns(Market1501(root)) == [(2, 0), (7, 5)]
    assert columns(Market1501(root, 'query')) == [(1488, 1)]
    gallery = Market1501(root, 'gallery')
    assert columns(gallery) == [(0, 2), (0, 2), (1488, 4)]
    assert gallery.num_pids == 1
    assert '2 junk images dropped' in messages(log)
    log.clear()
    assert columns(Market1501(root, 'all')) == [(1488, 4), (2, 0), (7, 5),
                                                (1488, 1)]
    assert '2 junk images dropped' in messages(log)
    assert '2 distractor images dropped' in messages(log)


def test_market_warns_that_it_is_not_the_standard_set(tmp_path, log):
    dataset = Market1501(market(tmp_path))
    assert not dataset.counts_ok
    assert ('images 12,936 expected, 2 found (-12,934); ids 751 expected, 2 '
            'found (-749); cameras 6 expected, 2 found (-4); images per '
            'camera (2017,') in messages(log, logging.WARNING)


@pytest.mark.parametrize('name', [
    '0002_c12s1_000451_03.jpg', '0002_c7s1_000451_03.jpg',
    '0002_c1s1_000451_03.png', 'x0002_c1s1_000451_03.jpg'])
def test_market_foreign_name(tmp_path, name):
    root = market(tmp_path)
    touch(root / 'Market-1501-v15.09.15' / 'query', name)
    with pytest.raises(ValueError, match=f'1 of 2 names.*{name}'):
        Market1501(root, 'query')


def test_market_sequences_as_tracklets(tmp_path):
    names = [f'{pid:04d}_c{cam}s{seq}_000001_01.jpg'
             for pid, cam, seq in [(5, 2, 3), (9, 2, 3), (5, 2, 1), (5, 1, 3)]]
    market_tree(tmp_path, train=names,
                gallery=['-1_c1s1_000001_01.jpg', *names])
    dataset = Market1501(tmp_path, tracklets='sequence')
    # sorted names: c1s3, c2s1, c2s3 of 0005, then c2s3 of 0009
    assert dataset.records.tracklets.tolist() == [0, 1, 2, 2]
    gallery = Market1501(tmp_path, 'gallery', tracklets='sequence')
    assert gallery.records.tracklets.tolist() == [0, 1, 2, 2]
    assert set(Market1501(tmp_path).records.tracklets) == {-1}
    videos = Market1501(tmp_path, tracklets='sequence', pid_range=(0, 1),
                        single_camera='tracklet')
    assert videos.records.pids.tolist() == [5, 5, 5]
    assert videos.videos.tolist() == [0, 1, 2]
    assert videos.camera_names == ('1/0', '2/1', '2/2')
    with pytest.raises(ValueError, match='tracklets must be .*, got True'):
        Market1501(tmp_path, tracklets=True)


@given(st.integers(0, 9999), st.integers(1, 6), st.integers(1, 6),
       st.integers(0, 999999), st.integers(0, 99), st.booleans())
def test_market_names(pid, cam, seq, frame, box, twice):
    name = f'{pid:04d}_c{cam}s{seq}_{frame:06d}_{box:02d}.jpg'
    match = Market1501.pattern.fullmatch(name + '.jpg' * twice)
    assert (int(match['pid']), int(match['cam']), int(match['seq'])) == (
        pid, cam, seq)
    assert Market1501.pattern.fullmatch(f'x_{name}') is None


# MSMT17


def msmt_name(pid, index, cam, end='0303morning_0005_1_ex.jpg'):
    return f'{pid:04d}/{pid:04d}_{index:03d}_{cam:02d}_{end}'


def msmt_tree(top, train='train', test='test'):
    lists = {
        'train': [(msmt_name(0, 0, 1), 0), (msmt_name(1040, 0, 15), 1040)],
        'val': [(msmt_name(0, 1, 12), 0)],
        'query': [(msmt_name(0, 0, 10), 0), (msmt_name(7, 0, 2), 3059)],
        'gallery': [(msmt_name(0, 1, 4, '0303noon_0005_1.jpeg'), 0)]
    }
    for name, lines in lists.items():
        folder = train if name in ('train', 'val') else test
        touch(top / folder, *(path for path, _ in lines))
        (top / f'list_{name}.txt').write_text(
            '\r\n'.join(f'{path} {pid}' for path, pid in lines) + '\r\n')
    return top


def test_msmt_lists(tmp_path):
    top = msmt_tree(tmp_path / 'x_c3' / 'MSMT17_V1')
    touch(top / 'train', '0000/._' + msmt_name(0, 0, 1)[5:])
    train = MSMT17(top.parent)
    assert train.name == 'msmt17-v1'
    assert columns(train) == [(0, 0), (0, 11), (1040, 14)]
    assert train.records.path(0) == 'MSMT17_V1/train/' + msmt_name(0, 0, 1)
    assert train.num_cams == 15
    assert MSMT17(top).image_path(1) == train.image_path(1)


def test_msmt_test_identities_come_from_the_list(tmp_path):
    msmt_tree(tmp_path / 'MSMT17_V1')
    assert columns(MSMT17(tmp_path, 'query')) == [(0, 9), (3059, 1)]
    assert columns(MSMT17(tmp_path, 'gallery')) == [(0, 3)]


def test_msmt_train_list_alone(tmp_path):
    msmt_tree(tmp_path / 'MSMT17_V1')
    dataset = MSMT17(tmp_path, train_list='train')
    assert dataset.name == 'msmt17-v1-trainlist'
    assert dataset.expected['train'][0] == 30248
    assert columns(dataset) == [(0, 0), (1040, 14)]
    assert MSMT17.expected['train'][0] == 32621
    assert MSMT17(tmp_path, 'query', train_list='train').name == 'msmt17-v1'


def test_msmt_merged_keeps_train_and_test_people_apart(tmp_path):
    msmt_tree(tmp_path / 'MSMT17_V1')
    dataset = MSMT17(tmp_path, 'all', train_list='train')
    assert dataset.name == 'msmt17-v1-merged'
    assert sorted(columns(dataset)) == [
        (0, 0), (0, 11), (1040, 14), (1041, 3), (1041, 9), (4100, 1)]
    assert dataset.num_pids == 4


def test_msmt_version_decides_when_both_are_there(tmp_path):
    msmt_tree(tmp_path / 'MSMT17_V1')
    msmt_tree(tmp_path / 'MSMT17_V2' / 'MSMT17_V2', 'mask_train_v2',
              'mask_test_v2')
    touch(tmp_path, 'MSMT17_V2/__MACOSX/._MSMT17_V2')
    first, second = MSMT17(tmp_path), MSMT17(tmp_path, version='v2')
    assert (first.name, second.name) == ('msmt17-v1', 'msmt17-v2')
    assert first.records.path(0).startswith('MSMT17_V1/train/')
    assert second.records.path(0).startswith(
        'MSMT17_V2/MSMT17_V2/mask_train_v2/')
    assert columns(first) == columns(second)


def test_msmt_other_version_is_not_taken_instead(tmp_path):
    msmt_tree(tmp_path / 'MSMT17_V1')
    for root in (tmp_path, tmp_path / 'MSMT17_V1'):
        with pytest.raises(FileNotFoundError, match='MSMT17_V2/mask_train'):
            MSMT17(root, version='v2')


@pytest.mark.parametrize('line', [
    '0000/0000_000_01_0303morning_0005_1.jpg', 'a.jpg 0',
    '../0000/0000_000_01_0303morning_0005_1.jpg 0'])
def test_msmt_malformed_line(tmp_path, line):
    top = msmt_tree(tmp_path / 'MSMT17_V1')
    (top / 'list_query.txt').write_text(line + '\n')
    with pytest.raises(ValueError, match='list_query.txt: 1 of 1 names'):
        MSMT17(tmp_path, 'query')


def test_msmt_listed_image_is_missing(tmp_path):
    top = msmt_tree(tmp_path / 'MSMT17_V1')
    (top / 'test' / msmt_name(7, 0, 2)).unlink()
    with pytest.raises(FileNotFoundError, match='1 of 2 listed images'):
        MSMT17(tmp_path, 'query')


def test_msmt_listed_image_leads_out(tmp_path):
    top = msmt_tree(tmp_path / 'MSMT17_V1')
    (top / 'test' / '0007').rename(tmp_path / 'outside')
    (top / 'test' / '0007').symlink_to(tmp_path / 'outside')
    with pytest.raises(ValueError, match='1 entries point outside'):
        MSMT17(tmp_path, 'query')


def test_msmt_folder_may_be_a_link(tmp_path):
    disk = msmt_tree(tmp_path / 'disk' / 'msmt')
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'MSMT17_V1').symlink_to(disk)
    assert len(MSMT17(tmp_path / 'data')) == 3


def test_msmt_list_is_missing(tmp_path):
    top = msmt_tree(tmp_path / 'MSMT17_V1')
    (top / 'list_val.txt').unlink()
    with pytest.raises(FileNotFoundError, match='list_val.txt'):
        MSMT17(tmp_path)


def test_msmt_camera_outside_the_set(tmp_path):
    top = msmt_tree(tmp_path / 'MSMT17_V1')
    touch(top / 'test', msmt_name(1, 0, 16))
    (top / 'list_query.txt').write_text(msmt_name(1, 0, 16) + ' 1\n')
    with pytest.raises(ValueError, match=r"camera tokens \['16'\]"):
        MSMT17(tmp_path, 'query')


def test_msmt_market_layout(tmp_path, log):
    market_tree(tmp_path / 'MSMT17_V1',
                ['0000_c1_0000.jpg', '0000_c12_0001.jpg'],
                ['0000_c15_0002.jpg'], ['0000_c2_0003.jpg'])
    assert columns(MSMT17(tmp_path)) == [(0, 11), (0, 0)]
    assert columns(MSMT17(tmp_path / 'MSMT17_V1')) == [(0, 11), (0, 0)]
    assert columns(MSMT17(tmp_path, 'query')) == [(0, 14)]
    assert sorted(columns(MSMT17(tmp_path, 'all'))) == [
        (0, 0), (0, 11), (1041, 1), (1041, 14)]
    assert 'does not state its version' not in messages(log, logging.WARNING)
    with pytest.raises(ValueError, match='joins train and val'):
        MSMT17(tmp_path, train_list='train')
    for root in (tmp_path, tmp_path / 'MSMT17_V1'):
        with pytest.raises(FileNotFoundError):
            MSMT17(root, version='v2')


def test_msmt_market_layout_without_version(tmp_path, log):
    market_tree(tmp_path / 'MSMT17', ['0000_c1_0000.jpg'])
    MSMT17(tmp_path)
    assert 'taken for v1' in messages(log, logging.WARNING)


def test_msmt_market_layout_of_version_2(tmp_path):
    market_tree(tmp_path / 'MSMT17_V2', ['0000_c1_0000.jpg'])
    for root in (tmp_path, tmp_path / 'MSMT17_V2'):
        assert len(MSMT17(root, version='v2')) == 1
        with pytest.raises(FileNotFoundError):
            MSMT17(root)


@given(st.integers(0, 4100), st.integers(0, 9999), st.integers(1, 15),
       st.sampled_from(['0113noon', '0114afternoon', '0302morning']),
       st.booleans())
def test_msmt_lines(pid, index, cam, slot, extra):
    path = msmt_name(pid, index, cam,
                     f'{slot}_0012_3{"_ex" * extra}.jpg')
    match = MSMT17.list_line.fullmatch(f'{path} {pid}')
    assert (match['path'], int(match['cam']), int(match['pid'])) == (
        path, cam, pid)


# PersonX


def personx_names(cameras, pid=1):
    return [f'{pid:04d}_c{c}s1_{i}.jpg' for i, c in enumerate(cameras)]


@pytest.mark.parametrize('top', ['subset1', 'PersonX', '.'])
def test_personx(tmp_path, top):
    cameras = (3, 4, 8, 10, 11, 12)
    market_tree(tmp_path / top, personx_names(cameras),
                personx_names(cameras, 411), personx_names(cameras, 411))
    dataset = PersonX(tmp_path)
    assert sorted(columns(dataset)) == [(1, i) for i in range(6)]
    by_token = {dataset.records.path(i).split('_c')[1].split('s')[0]:
                int(dataset.records.camids[i]) for i in range(6)}
    assert by_token == {'3': 0, '4': 1, '8': 2, '10': 3, '11': 4, '12': 5}
    assert PersonX(tmp_path, 'all').num_pids == 2


@pytest.mark.parametrize('cameras, message', [
    ((1, 2, 3, 4, 5, 6), r"tokens \['1', '2', '5', '6'\] are none of"),
    ((3, ), 'has camera 3 alone, expected all of 3, 4, 8, 10, 11, 12'),
])
def test_personx_of_another_release(tmp_path, cameras, message):
    market_tree(tmp_path / 'PersonX', personx_names(cameras))
    with pytest.raises(ValueError, match=message):
        PersonX(tmp_path)


# RandPerson

OFFSETS = (0, 2, 4, 6, 8, 9, 10, 12, 13, 14, 15)


@pytest.mark.parametrize('top', [
    '.', 'subset', 'randperson_subset', 'randperson_subset/randperson_subset',
    'subset/subset'])
def test_randperson_camera_is_scene_offset_plus_camera(tmp_path, top):
    tokens = [(0, 1), (3, 0), (4, 0), (6, 1), (7, 0), (9, 0), (10, 3)]
    touch(tmp_path / top, *(f'{i:06d}_s{s:02d}_c{c:02d}_f000123.jpg'
                            for i, (s, c) in enumerate(tokens)))
    dataset = RandPerson(tmp_path)
    assert columns(dataset) == [
        (i, OFFSETS[s] + c) for i, (s, c) in enumerate(tokens)]
    assert dataset.num_cams == 19
    assert dataset.camera_names[-1] == 's10_c03'


def test_randperson_offsets_of_all_cameras():
    starts = [RandPerson.camera_names.index(f's{s:02d}_c00')
              for s in range(11)]
    assert tuple(starts) == OFFSETS


def test_randperson_camera_that_does_not_exist(tmp_path):
    touch(tmp_path / 'subset', '000000_s04_c01_f000000.jpg')
    with pytest.raises(ValueError, match=r"\['s04_c01'\] are none of"):
        RandPerson(tmp_path)


def test_randperson_has_no_query(tmp_path):
    touch(tmp_path / 'subset', '000000_s04_c00_f000000.jpg')
    with pytest.raises(ValueError, match="subset must be .*, got 'query'"):
        RandPerson(tmp_path, 'query')


# CUHK03-NP


def test_cuhk03_boxes(tmp_path):
    for i, boxes in enumerate(('detected', 'labeled')):
        market_tree(tmp_path / 'cuhk03-np' / boxes, [f'000{i}_c2_14097.png'])
    for root in (tmp_path, tmp_path / 'cuhk03-np'):
        assert columns(CUHK03NP(root)) == [(0, 1)]
        assert columns(CUHK03NP(root, boxes='labeled')) == [(1, 1)]
    assert CUHK03NP(root).name == 'cuhk03np-detected'
    labeled = CUHK03NP(root, boxes='labeled')
    assert labeled.name == 'cuhk03np-labeled'
    assert labeled.expected['train'] == (7368, 767, 2)
    assert CUHK03NP(root, 'all').name == 'cuhk03-all-detected'
    assert columns(CUHK03NP(root / 'detected')) == [(0, 1)]
    with pytest.raises(FileNotFoundError, match='labeled'):
        CUHK03NP(root / 'detected', boxes='labeled')
    with pytest.raises(ValueError, match="boxes must be .*, got 'both'"):
        CUHK03NP(root, boxes='both')


# DukeMTMC-reID


def test_duke_says_that_it_was_withdrawn(tmp_path, log):
    market_tree(tmp_path / 'DukeMTMC-reID', ['0001_c8_f0046182.jpg'])
    assert columns(DukeMTMCReID(tmp_path, **WITHDRAWN)) == [(1, 7)]
    for value in (False, 'yes', 1):
        with pytest.raises(ValueError, match='was withdrawn by its authors'):
            DukeMTMCReID(tmp_path, i_know_it_was_withdrawn=value)
    assert 'withdrawn' in messages(log, logging.WARNING)
    assert 'ithdrawn' in DukeMTMCReID.__doc__


# PKU-Reid


def pku(root):
    names = [f'{c:02d}_{o}.png' for c, o in itertools.product((1, 2), (1, 8))]
    for folder in ('train/003', 'train/010', 'val/all_imgs/002'):
        touch(root / folder, *names)
    touch(root, 'train/._003', 'train/.DS_Store')
    return root


def test_pku_subsets(tmp_path):
    root = pku(tmp_path / 'pku_reid')
    assert columns(PKUReid(root)) == [
        (pid, cam) for pid in (3, 10) for cam in (0, 0, 1, 1)]
    query, gallery = PKUReid(root, 'query'), PKUReid(root, 'gallery')
    assert columns(query) == [(p, 0) for p in (3, 3, 10, 10, 2, 2)]
    assert columns(gallery) == [(p, 1) for p in (3, 3, 10, 10, 2, 2)]
    assert query.num_cams == 2
    assert len(PKUReid(tmp_path, 'all')) == 12


@pytest.mark.parametrize('name, message', [
    ('train/003/03_1.png', "1 of 5 names.*'03_1.png'"),
    ('train/bob/01_1.png', "1 of 3 names.*'bob'")])
def test_pku_foreign_name(tmp_path, name, message):
    touch(pku(tmp_path), name)
    with pytest.raises(ValueError, match=message):
        PKUReid(tmp_path)


# real images


@pytest.mark.parametrize('subset, images, people', [
    ('train', 10679, 601), ('query', 663, 150), ('gallery', 1594, 148)])
def test_real_market(realdata, subset, images, people):
    dataset = Market1501(realdata / 'market1501', subset,
                         name='market1501-dev', tracklets='sequence',
                         pipeline=[{'type': 'LoadReIDImage'}])
    assert (len(dataset), dataset.num_pids) == (images, people)
    assert np.unique(dataset.records.camids).tolist() == list(range(6))
    assert dataset[0]['img'].shape == (128, 64, 3)
    tracklets = dataset.records.tracklets
    assert np.unique(tracklets).tolist() == list(range(tracklets.max() + 1))
    assert not dataset.counts_ok


def test_real_market_as_videos(realdata):
    dataset = Market1501(realdata / 'market1501', name='videos',
                         tracklets='sequence', single_camera='tracklet',
                         pid_range=(300, 601))
    assert (len(dataset), dataset.num_pids, dataset.num_cams) == (
        5222, 301, 17)
    cameras = [int(name.partition('/')[0]) for name in dataset.camera_names]
    tokens = [dataset.records.path(i).rpartition('_c')[2][0]
              for i in range(len(dataset))]
    assert [cameras[v] for v in dataset.videos] == [int(t) for t in tokens]


@pytest.mark.parametrize('subset', ['query', 'gallery'])
def test_real_pku(realdata, subset):
    dataset = PKUReid(realdata / 'pku_reid', subset, bad_images='skip')
    assert (len(dataset), dataset.num_pids) == (592, 74)
    assert dataset.counts_ok
    assert set(dataset.records.camids) == {int(subset == 'gallery')}
