import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from mmreidmix.datasets import Market1501, RetrievalDataset
from mmreidmix.evaluation import FeatureTable, RankingResult, rank
from mmreidmix.results.provenance import (
    content_hash,
    describe_domains,
    method_hash,
    protocol_text,
    versions,
)
from mmreidmix.results.rescoring import (
    evaluator_options,
    query_differences,
    rescore,
    score_differences,
)
from mmreidmix.results.result_file import (
    FIELDS,
    read_queries,
    read_result,
    write_queries,
    write_result,
)

EMPTY = {int: 0, str: '', list: [], dict: {}}


def a_result(**changes):
    result = {name: EMPTY[kind if isinstance(kind, type) else kind[0]]
              for name, kind in FIELDS.items() if name != 'format_version'}
    return {**result, **changes}


def test_written_results_are_read(tmp_path):
    file = tmp_path / 'new' / 'results.json'
    result = a_result(results={'a/mAP': np.float32(.5)}, training_seed=None,
                      extra={'path': tmp_path})
    write_result(file, result)
    read = read_result(file)
    assert read['results'] == {'a/mAP': .5}
    assert read['format_version'] == 1
    assert read['extra'] == {'path': str(tmp_path)}
    write_result(file, a_result(method='second'))
    assert read_result(file)['method'] == 'second'
    assert [f.name for f in file.parent.iterdir()] == ['results.json']


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path):
    file = tmp_path / 'results.json'
    write_result(file, a_result(method='first'))
    with pytest.raises(ValueError):
        write_result(file, a_result(results={'a/mAP': float('nan')}))
    with pytest.raises(ValueError, match=r"results.json lacks \['method'\]"):
        result = a_result()
        del result['method']
        write_result(file, result)
    assert read_result(file)['method'] == 'first'
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize('change, message', [
    ('{', 'is no JSON file'),
    ('[]', "has no 'format_version'"),
    ({'format_version': None}, 'has format_version None, expected 1'),
    ({'format_version': 2}, 'has format_version 2, expected 1'),
    ({'seed': 'x'}, "seed is 'x', expected"),
    ({'domains': [{'name': 'a'}]}, r"domains\[0\] lacks \['boxes'"),
])
def test_bad_files_are_named(tmp_path, change, message):
    file = tmp_path / 'r.json'
    write_result(file, a_result())
    if isinstance(change, dict):
        change = json.dumps({**json.loads(file.read_text()), **change})
    file.write_text(change)
    with pytest.raises(ValueError, match=f'r.json.*{message}'):
        read_result(file)
    with pytest.raises(FileNotFoundError, match='tools/test.py writes one'):
        read_result(tmp_path / 'none.json')


def test_values_per_query(tmp_path):
    file = tmp_path / 'results.json'
    assert read_queries(file) is None
    ap = np.array([.5, np.nan, 1])
    write_queries(file, {
        'a/b': RankingResult(ap, ap / 2, np.array([1, -1, 0]))})
    ranking = read_queries(file)['a/b']
    np.testing.assert_array_equal(ranking.ap, ap)
    assert ranking.summary((1, ))['rank-1'] == .5
    assert ranking.summary()['queries_without_match'] == 1
    np.savez(tmp_path / 'results.queries.npz', **{'a/ap': ap})
    with pytest.raises(ValueError, match=r"lacks the arrays \['a/inp'"):
        read_queries(file)
    (tmp_path / 'results.queries.npz').write_bytes(b'cut')
    with pytest.raises(ValueError, match='queries.npz is broken or no'):
        read_queries(file)


@pytest.fixture
def market(tmp_path):
    for folder, names in {
            'bounding_box_train': ['0009_c1s1_000001_00'],
            'query': ['0002_c1s1_000001_00', '0003_c2s1_000001_00'],
            'bounding_box_test': ['0002_c2s1_000001_00',
                                  '0000_c3s1_000001_00',
                                  '-1_c3s1_000001_00']}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f'{name}.jpg').write_bytes(b'x' * len(name))
    return tmp_path


def parts_of(root, **options):
    return [Market1501(root, subset, **options)
            for subset in ('query', 'gallery')]


def set_of(parts):
    return SimpleNamespace(parts=parts, shared_files=[0])


def test_facts_of_a_domain(market):
    target = {'type': 'Market1501', 'data_root': str(market), 'name': 'shop'}
    cfg = {'test_dataloader': {'dataset': {'domains': [target]}}}
    domain, = describe_domains(
        RetrievalDataset([target]), cfg)
    assert domain['name'] == 'shop' and domain['data_root'] == str(market)
    assert (domain['split'], domain['boxes']) == ('official', 'as published')
    assert domain['counts_ok'] is False and domain['shared_files'] == 0
    assert domain['seen_in_training'] == 'no'
    assert domain['query'] == {
        'images': 2, 'identities': 2,
        'images_per_camera': [1, 1, 0, 0, 0, 0],
        'images_of_people_without_query': 0, 'junk': 0}
    assert domain['gallery']['images_of_people_without_query'] == 1
    for train, seen in (({'type': 'Market1501', 'data_root': str(market),
                          'role': 'unlabelled'}, 'unlabelled'),
                        ({'type': 'X', 'name': 'shop'}, 'labelled'),
                        ({'type': 'Market1501', 'data_root': '/b'}, 'no')):
        cfg['train_dataloader'] = {'dataset': {'domains': [train]}}
        assert describe_domains(set_of(parts_of(market, name='shop')), cfg)[0][
            'seen_in_training'] == seen


@pytest.mark.parametrize('source, seen', [
    ({'type': 'Market1501', 'data_root': '/elsewhere'}, 'labelled'),
    ({'type': 'MARS', 'data_root': '/m', 'role': 'unlabelled'}, 'unlabelled'),
    ({'type': 'MSMT17', 'data_root': '/m'}, 'no'),
    ({'type': 'Market1501', 'data_root': '/m', 'name': 'toy'}, 'no'),
])
def test_standard_sets_are_the_same_people_anywhere(market, source, seen):
    target = {'type': 'Market1501', 'data_root': str(market)}
    cfg = {'test_dataloader': {'dataset': {'domains': [target]}},
           'train_dataloader': {'dataset': {'domains': [source]}}}
    domain, = describe_domains(RetrievalDataset([target]), cfg)
    assert domain['seen_in_training'] == seen


def test_top_folder_does_not_change_the_hash(market):
    outer = market / 'outer'
    outer.mkdir()
    (outer / 'Market-1501-v15.09.15').symlink_to(market)
    assert content_hash(parts_of(outer)) == content_hash(parts_of(market))


def test_split_and_boxes(market):
    query, gallery = parts_of(market, pid_range=(0, 1))
    query.split, query.boxes = 3, 'labeled'
    cfg = {'test_dataloader': {'dataset': {'domains': [
        {'type': 'Market1501', 'pid_range': (0, 1)}]}}}
    domain, = describe_domains(set_of([query, gallery]), cfg)
    assert domain['split'] == 'split 3, identities 0 to 1'
    assert domain['boxes'] == 'labeled'


def test_content_hash_follows_its_definition(market):
    lines = sorted(
        f'{subset}\t{folder}/{name}.jpg\t{len(name)}\t{pid}\t{camid}\n'
        for subset, folder, name, pid, camid in (
            ('query', 'query', '0002_c1s1_000001_00', 2, 0),
            ('query', 'query', '0003_c2s1_000001_00', 3, 1),
            ('gallery', 'bounding_box_test', '0002_c2s1_000001_00', 2, 1),
            ('gallery', 'bounding_box_test', '0000_c3s1_000001_00', 0, 2)))
    expected = hashlib.sha256(''.join(lines).encode()).hexdigest()
    assert content_hash(parts_of(market)) == expected
    (market / 'query' / '0002_c1s1_000001_00.jpg').write_bytes(b'y')
    assert content_hash(parts_of(market)) != expected


def test_protocol_and_method():
    cfg = {
        'model': {'type': 'A'},
        'randomness': {'seed': 0},
        'train_dataloader': {'dataset': {'domains': [
            {'type': 'MSMT17', 'data_root': 'a'},
            {'type': 'X', 'name': 'street', 'role': 'unlabelled'}]}}
    }
    assert protocol_text(cfg, ['m', 'n']) == (
        'MSMT17 (labelled) + street (unlabelled) -> m, n')
    assert protocol_text({**cfg, 'protocol': 'P-1'}, ['m']) == 'P-1'
    cfg['train_dataloader']['dataset']['domains'][0]['subset'] = 'all'
    assert protocol_text(cfg, ['m']).startswith('MSMT17 (labelled, subset all')
    same = json.loads(json.dumps(cfg))
    same.update(randomness={'seed': 1}, work_dir='w', test_dataloader={})
    same['train_dataloader']['dataset']['domains'][0]['data_root'] = 'b'
    same.update(_root='b', test_pipeline=[])
    assert method_hash(same) == method_hash(cfg)
    same['model']['type'] = 'B'
    assert method_hash(same) != method_hash(cfg)
    assert versions(cuda=None)['numpy'] == np.__version__


def test_evaluator_options_are_complete():
    cfg = {'test_evaluator': {'type': 'ReIDMetric', 'save_features': 'a.npz',
                              'ranks': (1, )}}
    options, = evaluator_options(cfg)
    assert options['metric'] == 'cosine' and options['ranks'] == (1, )
    assert 'save_features' not in options
    assert evaluator_options({'test_evaluator': [options] * 2}) == [options
                                                                    ] * 2


def test_rescoring_and_differences():
    rng = np.random.default_rng(0)
    table = FeatureTable(
        rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 3, 30),
        rng.integers(0, 2, 30), np.zeros(30, int), np.arange(30) < 10,
        np.full(30, ''), np.array(['shop']))
    evaluators = evaluator_options({'test_evaluator': [
        {'type': 'ReIDMetric', 'prefix': 'all', 'cross_camera': False}]})
    scores, rankings = rescore(table, json.loads(json.dumps(evaluators)))
    found = rank(table.query_gallery('shop', cross_camera=False))
    np.testing.assert_array_equal(rankings['all/shop'].ap, found.ap)
    expected = found.summary()
    assert scores == {f'all/shop/{k}': v for k, v in expected.items()}
    assert score_differences(scores, scores) == []
    other = {**scores, 'new': 1.}
    other['all/shop/mAP'] += 2e-4
    assert len(score_differences(scores, other)) == 2
    other['all/shop/mAP'] -= 1.5e-4
    assert score_differences(scores, other) == [
        'new: recorded None, computed 1.0']
    counts = dict(scores)
    counts['all/shop/queries'] += 1
    assert len(score_differences(scores, counts)) == 1


def test_options_inside_options_are_complete():
    given = [{'type': 'ReIDMetric', 'rerank': {}, 'device': 'cpu',
              'single_shot': {'seed': 3}},
             {'type': 'VerificationMetric', 'open_set': {'absent': 0.2}}]
    first, second = evaluator_options({'test_evaluator': given})
    assert first['rerank'] == {'k1': 20, 'k2': 6, 'lambda_value': 0.3}
    assert first['single_shot'] == {'repeats': 100, 'seed': 3}
    assert first['query_expansion'] is None and 'device' not in first
    assert second['open_set'] == {'absent': 0.2, 'seed': 0, 'rank': 1,
                                  'false_alarms': (0.01, 0.1)}


def test_differences_of_queries():
    def ranking(ap, first):
        return RankingResult(np.array(ap), np.array(ap), np.array(first))

    recorded = {'shop': ranking([0.5, np.nan, 0.25], [1, -1, 3])}
    same = {'shop': ranking([0.50005, np.nan, 0.25], [2, -1, 3])}
    assert query_differences(recorded, recorded) == []
    assert query_differences(recorded, same) == []
    for ap, first in (([0.5, np.nan, 0.26], [1, -1, 3]),
                      ([0.5, 0.5, 0.25], [1, 1, 3])):
        line, = query_differences(recorded, {'shop': ranking(ap, first)})
        assert '1 of 3 queries differ' in line
    line, = query_differences(recorded, {'shop': ranking([0.5], [1])})
    assert '3 queries recorded, 1 computed' in line
    assert len(query_differences(recorded, {'mall': same['shop']})) == 2


@pytest.mark.parametrize('options', [
    {'type': 'os.system', 'command': 'exit 1'},
    {'type': 'subprocess.run', 'args': ['true']},
    {'type': 'mmengine.evaluator.DumpResults', 'out_file_path': 'a.pkl'},
    {'type': None}, {},
])
def test_a_result_file_names_no_other_code(options):
    with pytest.raises(ValueError, match='is no metric of embeddings'):
        rescore(None, [options])
