import numpy as np
import pytest

from mmreidmix.datasets import Market1501
from mmreidmix.datasets.source_validation import SourceValidationSet
from mmreidmix.registry import DATASETS


@pytest.fixture
def market(tmp_path):
    """People of several shapes: images per camera, by identity."""
    shapes = {
        2: {1: 2, 2: 1},  # one query, from camera 1
        5: {1: 1, 3: 1, 4: 1},  # no camera has two: the first image
        9: {2: 3},  # one camera: left out
        11: {1: 2, 6: 3},  # two queries
    }
    for folder in ('bounding_box_train', 'query', 'bounding_box_test'):
        (tmp_path / folder).mkdir()
    for pid, cameras in shapes.items():
        for camera, number in cameras.items():
            for frame in range(number):
                name = f'{pid:04}_c{camera}s1_{frame:06}_00.jpg'
                (tmp_path / 'bounding_box_train' / name).touch()
    return tmp_path


def names(dataset):
    return [dataset.records.path(i)[-22:] for i in range(len(dataset))]


def held_out(root, subset, pid_range=(0, 4)):
    return SourceValidationSet(
        dict(type='Market1501', data_root=str(root), pid_range=pid_range),
        subset)


def test_queries_and_gallery(market):
    query, gallery = (held_out(market, s) for s in ('query', 'gallery'))
    assert query.name == 'market1501-val'
    assert names(query) == [
        '0002_c1s1_000000_00.jpg'[-22:], '0005_c1s1_000000_00.jpg'[-22:],
        '0011_c1s1_000000_00.jpg'[-22:], '0011_c6s1_000000_00.jpg'[-22:]
    ]
    assert not set(names(query)) & set(names(gallery))
    assert len(gallery) == 2 + 2 + 3
    assert 9 not in {*query.records.pids, *gallery.records.pids}
    for pid, camid in zip(query.records.pids, query.records.camids):
        others = gallery.records.camids[gallery.records.pids == pid]
        assert (others != camid).any()
    assert query.num_cams == 6
    assert query.get_data_info(0)['subset'] == 'query'


def test_identities_are_those_training_leaves_out(market):
    train = Market1501(market, 'train', pid_range=(0, 2))
    held = held_out(market, 'gallery', (2, 4))
    assert not set(train.records.pids) & set(held.records.pids)


def test_random_sets_give_a_match_for_every_query(market):
    rng = np.random.default_rng(0)
    folder = market / 'bounding_box_train'
    for _ in range(60):
        pid, camera, frame = rng.integers((20, 1, 0), (32, 7, 9))
        (folder / f'{pid:04}_c{camera}s2_{frame:06}_00.jpg').touch()
    query, gallery = (held_out(market, s, (0, 99))
                      for s in ('query', 'gallery'))
    for pid, camid in zip(query.records.pids, query.records.camids):
        others = gallery.records.camids[gallery.records.pids == pid]
        assert (others != camid).any()
    assert set(query.records.pids) == set(gallery.records.pids)


def test_in_a_retrieval_dataset(market):
    pair = DATASETS.build(dict(type='RetrievalDataset', domains=[
        dict(type='SourceValidationSet', dataset=dict(
            type='Market1501', data_root=str(market), pid_range=(0, 4)))]))
    assert pair.metainfo == {'domains': ['market1501-val']}
    assert len(pair) == 4 + 7


def test_name_of_older_configs():
    assert DATASETS.get('HeldOutSource') is SourceValidationSet


def test_errors(market):
    with pytest.raises(ValueError, match='needs `pid_range`'):
        SourceValidationSet(dict(type='Market1501', data_root=str(market)))
    with pytest.raises(ValueError, match="got 'train'"):
        held_out(market, 'train')
    with pytest.raises(ValueError, match='none of the 1 held-out identities'):
        held_out(market, 'query', (2, 3))
