"""Ten splits of one set in one pass over its images."""

import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mmreidmix.datasets import RetrievalDataset, SharedRetrievalDataset
from mmreidmix.evaluation import FeatureTable, add_split_means, rank
from mmreidmix.evaluation.functional.split_statistics import group_splits
from mmreidmix.structures import ReIDDataSample


@pytest.fixture
def domains(tmp_path):
    """Three splits of a small VIPeR, and a set that has none."""
    for cam, angle in (('a', 0), ('b', 90)):
        folder = tmp_path / 'VIPeR' / f'cam_{cam}'
        folder.mkdir(parents=True)
        for pid in range(12):
            (folder / f'{pid:03d}_{angle}.bmp').touch()
    for cam in (1, 2):
        folder = tmp_path / 'market' / ('query', 'bounding_box_test')[cam - 1]
        folder.mkdir(parents=True)
        for pid in range(1, 5):
            (folder / f'{pid:04d}_c{cam}s1_000001_01.jpg').touch()
    return [
        *(dict(type='VIPeR', data_root=str(tmp_path), split=split)
          for split in range(3)),
        dict(type='Market1501', data_root=str(tmp_path / 'market')),
    ]


def embedding(path: str) -> torch.Tensor:
    """Always the same of one file, closer of one person."""
    person = int(path.rpartition('/')[2].split('_')[0])
    rng = np.random.default_rng(sum(map(ord, path.rpartition('/')[2])))
    centre = np.random.default_rng(person).normal(size=4)
    return torch.tensor(centre + rng.normal(size=4), dtype=torch.float32)


def evaluate(dataset, kind, indices=None, **options):
    evaluator = Evaluator({'type': kind, **options})
    evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)) if indices is None else indices:
        info = dataset.get_data_info(index)
        sample = ReIDDataSample(metainfo=info)
        sample.embedding = embedding(info['img_path'])
        evaluator.process([sample])
    return evaluator.evaluate(len(dataset))


def test_same_scores_from_fewer_images(domains):
    plain, shared = RetrievalDataset(domains), SharedRetrievalDataset(domains)
    assert len(plain) == 3 * 12 + 8
    paths = {plain.get_data_info(i)['img_path'] for i in range(len(plain))}
    assert len(shared) == len(paths) < len(plain)
    assert {shared.get_data_info(i)['img_path']
            for i in range(len(shared))} == paths
    order = np.random.default_rng(0).permutation(len(shared))
    once = evaluate(shared, 'SplitReIDMetric', order)
    each = evaluate(plain, 'SplitReIDMetric')
    assert once == each
    assert {key: each[key] for key in each if key.startswith('viper-')} == {
        key: value for key, value in evaluate(plain, 'ReIDMetric').items()
        if key.startswith('viper-')}
    assert len({each[f'viper-{k}a/mAP'] for k in range(3)}) > 1


def test_mean_and_spread_are_in_the_result(domains):
    found = evaluate(SharedRetrievalDataset(domains), 'SplitReIDMetric')
    values = [found[f'viper-{k}a/mAP'] for k in range(3)]
    assert found['viper/mAP'] == pytest.approx(np.mean(values))
    assert found['viper/mAP_std'] == pytest.approx(np.std(values, ddof=1))
    assert found['viper/splits'] == 3
    assert found['viper/queries'] == 18
    assert found['mean/mAP'] == pytest.approx(
        (found['viper/mAP'] + found['market1501/mAP']) / 2)


def test_prefix_and_saved_features(domains, tmp_path):
    file = tmp_path / 'features.npz'
    shared = SharedRetrievalDataset(domains)
    found = evaluate(shared, 'SplitReIDMetric', save_features=str(file),
                     prefix='test')
    table = FeatureTable.load(file)
    assert table.domains.tolist() == [
        'viper-0a', 'viper-1a', 'viper-2a', 'market1501']
    assert table.img_path[0].endswith('.bmp')
    for name in table.domains:
        summary = rank(table.query_gallery(name)).summary()
        assert summary['mAP'] == found[f'test/{name}/mAP']


def test_other_metrics_see_the_splits_too(domains):
    shared, plain = SharedRetrievalDataset(domains), RetrievalDataset(domains)
    assert evaluate(shared, 'ReIDMetric') == evaluate(plain, 'ReIDMetric')


def test_all_images_are_needed(domains):
    shared = SharedRetrievalDataset(domains)
    size = len(shared)
    message = f'{size - 1} images were embedded, .* {size};'
    with pytest.raises(ValueError, match=message):
        evaluate(shared, 'SplitReIDMetric', range(1, size))


def test_rows_of_an_image_that_is_query_and_gallery():
    rows = dict(image=[0, 1, 1, 0], pid=[5, 5, 7, 7], camid=[0, 1, 0, 1],
                domain=[0, 0, 1, 1], is_query=[True, False, True, False])
    wide = FeatureTable.from_images(
        np.eye(2, dtype=np.float32), np.zeros((2, 4), int),
        np.array(['a', 'b']), dict(domains=['x', 'y'], rows=rows))
    assert wide.img_path.tolist() == ['a', 'b', 'b', 'a']
    assert wide.features.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]
    assert wide.rows_of('y')[0].tolist() == [2]
    assert wide.pids.tolist() == rows['pid']


def test_groups():
    names = ['viper-0a', 'viper-3c', 'grid-1', 'market1501', 'shop-1',
             'shop-2', 'viper-all', 'toy-viper-0a', 'prid-1', 'prid-2']
    assert group_splits(names) == {
        'viper': ['viper-0a', 'viper-3c'], 'prid': ['prid-1', 'prid-2']}
    assert group_splits(names, ['shop']) == {'shop': ['shop-1', 'shop-2']}


def test_means_by_hand():
    metrics = {'grid-0/mAP': 0.2, 'grid-0/queries': 4, 'grid-1/mAP': 0.6,
               'grid-1/queries': 5, 'pku/mAP': 0.9, 'pku/queries': 7,
               'mean/mAP': 0.5}
    found = add_split_means(metrics)
    assert found['grid/mAP'] == pytest.approx(0.4)
    assert found['grid/mAP_std'] == pytest.approx(math.sqrt(0.08))
    assert (found['grid/queries'], found['grid/splits']) == (9, 2)
    assert found['mean/mAP'] == pytest.approx(0.65)
    assert 'mean/mAP_std' not in found and 'mean/queries' not in found
    assert found['pku/mAP'] == 0.9


def test_reranked_splits_are_joined_among_themselves():
    plain = {'grid-0/mAP': 0.2, 'grid-1/mAP': 0.6, 'pku/mAP': 0.9,
             'mean/mAP': 0.5}
    labelled = {key.replace('/', '+rerank/'): value / 2
                for key, value in plain.items()}
    expected = add_split_means(plain)
    found = add_split_means({**plain, **labelled})
    assert found == {**expected, **{
        key.replace('/', '+rerank/'): value if key.endswith('/splits') else
        pytest.approx(value / 2) for key, value in expected.items()}}


def test_one_set_alone_has_no_mean_over_domains():
    metrics = {'grid-0/mAP': 0.2, 'grid-1/mAP': 0.6, 'mean/mAP': 0.4}
    assert set(add_split_means(metrics)) == {
        'grid-0/mAP', 'grid-1/mAP', 'grid/mAP', 'grid/mAP_std', 'grid/splits'}


def test_nothing_is_added_for_one_split():
    metrics = {'grid-0/mAP': 0.2, 'market1501/mAP': 0.4, 'mean/mAP': 0.3}
    assert add_split_means(metrics) == metrics


def test_domains_of_the_same_files_share_them(tmp_path):
    name = '0001_c2_f0046182.jpg'
    for folder, names in (('query', [name]), ('bounding_box_test', [
            name, '0001_c1_f0000001.jpg'])):
        (tmp_path / folder).mkdir()
        for file in names:
            (tmp_path / folder / file).touch()
    duke = dict(type='OccludedDuke', data_root=str(tmp_path),
                i_know_it_was_withdrawn=True)
    # the paths of the two folders differ: nothing to share in one domain
    assert len(SharedRetrievalDataset([duke])) == 3
    again = dict(duke, name='again')
    shared = SharedRetrievalDataset([duke, again])
    assert len(shared) == 3
    rows = shared.metainfo['rows']
    assert rows['image'].tolist() == [0, 1, 2, 0, 1, 2]
    assert rows['is_query'].tolist() == [True, False, False] * 2
    assert rows['domain'].tolist() == [0, 0, 0, 1, 1, 1]
