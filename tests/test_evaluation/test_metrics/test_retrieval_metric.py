import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mmreidmix.camera_profiles import CameraProfiles
from mmreidmix.evaluation import (
    FeatureTable,
    QueryGallery,
    ReIDMetric,
    find_metric,
    rank,
    single_gallery_shot,
)
from mmreidmix.evaluation.metrics.retrieval import format_table
from mmreidmix.structures import ReIDDataSample
from tests.tiny import run_processes

DOMAINS = ['market', 'pku']
WORKER = Path(__file__).parent / 'distributed_metric.py'


def make_samples(seed=0, sizes=(40, 30)):
    """Shuffled samples of several domains; the first third are queries."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(6, 8))
    samples = []
    for domain, size in enumerate(sizes):
        for i in range(size):
            pid = int(rng.integers(0, 6))
            sample = ReIDDataSample(
                metainfo={
                    'img_path': f'{domain}/é{i}.jpg',
                    'index': len(samples),
                    'pid': pid,
                    'camid': int(rng.integers(0, 3)),
                    'tracklet': -1,
                    'domain': domain,
                    'subset': 'query' if i < size // 3 else 'gallery',
                })
            sample.embedding = torch.tensor(
                centers[pid] + rng.normal(size=8), dtype=torch.float32)
            samples.append(sample)
    return [samples[i] for i in rng.permutation(len(samples))]


def evaluate(samples, size=None, domains=DOMAINS, batch=7, **options):
    evaluator = Evaluator({'type': 'ReIDMetric', **options})
    evaluator.dataset_meta = {'domains': domains}
    for begin in range(0, len(samples), batch):
        evaluator.process(samples[begin:begin + batch])
    return evaluator.evaluate(len(samples) if size is None else size)


def images_of(samples, domain, **options):
    subsets = {
        subset: [
            s for s in sorted(samples, key=lambda s: s.index)
            if s.domain == domain and s.subset == subset
        ]
        for subset in ('query', 'gallery')
    }
    columns = [
        torch.stack([s.embedding for s in own]) for own in subsets.values()
    ]
    for key in ('pid', 'camid'):
        columns += [[s.get(key) for s in own] for own in subsets.values()]
    return QueryGallery.from_arrays(*columns, **options)


def expected_summary(samples, domain, **options):
    images = images_of(samples, domain, **options)
    return rank(images).summary((1, 5, 10))


@pytest.mark.parametrize('options', [
    {},
    {'metric': 'euclidean'},
    {'cross_camera': False},
])
def test_each_domain_is_scored_apart(options):
    samples = make_samples()
    result = evaluate(samples, **options)
    for domain, name in enumerate(DOMAINS):
        expected = expected_summary(samples, domain, **options)
        assert {f'{name}/{k}': v
                for k, v in expected.items()}.items() <= result.items()
    for key in ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'):
        mean = np.mean([result[f'{name}/{key}'] for name in DOMAINS])
        assert result[f'mean/{key}'] == pytest.approx(mean)
    assert 'mean/queries' not in result


def test_one_domain_has_no_mean_and_a_prefix_is_put_before():
    samples = make_samples(sizes=(40, ))
    result = evaluate(samples, domains=['market'], prefix='direct')
    assert all(key.startswith('direct/market/') for key in result)
    assert set(result) >= {'direct/market/mAP', 'direct/market/rank-1'}


def test_order_batches_and_padding_do_not_matter():
    samples = make_samples()
    expected = evaluate(samples)
    padded = samples[::-1] + samples[:5]
    assert evaluate(padded, size=len(samples), batch=3) == expected


def test_dicts_are_taken_too():
    samples = make_samples()
    assert evaluate([s.to_dict() for s in samples]) == evaluate(samples)


def test_second_evaluation_starts_empty():
    samples = make_samples()
    evaluator = Evaluator({'type': 'ReIDMetric'})
    evaluator.dataset_meta = {'domains': DOMAINS}
    results = []
    for _ in range(2):
        evaluator.process(samples)
        results.append(evaluator.evaluate(len(samples)))
    assert results[0] == results[1]


def test_saved_features_give_the_same_scores(tmp_path):
    samples = make_samples()
    file = tmp_path / 'new' / 'features.npz'
    result = evaluate(samples, save_features=str(file))
    table = FeatureTable.load(file)
    for name in DOMAINS:
        summary = rank(table.query_gallery(name)).summary()
        assert {f'{name}/{k}': v
                for k, v in summary.items()}.items() <= result.items()
    by_index = sorted(samples, key=lambda s: s.index)
    assert table.img_path.tolist() == [s.img_path for s in by_index]
    assert table.is_query.tolist() == [s.subset == 'query' for s in by_index]
    assert table.domains.tolist() == DOMAINS
    np.testing.assert_array_equal(table.features[3], by_index[3].embedding)


@pytest.mark.parametrize('keep', [True, False])
def test_scored_features_are_kept_on_request(tmp_path, keep):
    samples = make_samples()
    evaluator = Evaluator({'type': 'ReIDMetric'})
    metric = find_metric(evaluator, 'somebody')
    metric.dataset_meta = {'domains': DOMAINS}
    metric.keep_table = keep
    evaluator.process(samples)
    metric.evaluate(len(samples))
    if not keep:
        assert metric.table is None
        return
    evaluate(samples, save_features=str(tmp_path / 'features.npz'))
    saved = FeatureTable.load(tmp_path / 'features.npz')
    for name, column in vars(saved).items():
        np.testing.assert_array_equal(getattr(metric.table, name), column)


def test_who_needs_a_metric_is_named():
    evaluator = Evaluator({'type': 'VerificationMetric'})
    with pytest.raises(ValueError, match='somebody needs a ReIDMetric'):
        find_metric(evaluator, 'somebody')


def test_feature_file_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='no feature file'):
        FeatureTable.load(tmp_path / 'none.npz')
    np.savez(tmp_path / 'half.npz', features=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"half.npz lacks the arrays \['cam"):
        FeatureTable.load(tmp_path / 'half.npz')
    whole = (tmp_path / 'half.npz').read_bytes()
    np.savez(tmp_path / 'object.npz', features=np.array([print], object))
    for name, content in dict(
            cut=whole[:-30], empty=b'', other=b'no archive',
            changed=whole.replace(bytes(32), b'1' * 32),
            object=(tmp_path / 'object.npz').read_bytes()).items():
        (tmp_path / f'{name}.npz').write_bytes(content)
        with pytest.raises(ValueError, match=f'{name}.npz is broken or no'):
            FeatureTable.load(tmp_path / f'{name}.npz')
    columns = {
        'features': np.ones((2, 2)),
        'pids': np.zeros(2, int),
        'camids': np.arange(2),
        'domain': np.zeros(2, int),
        'is_query': np.array([True, True]),
        'img_path': np.array(['a', 'b']),
        'domains': np.array(['shop'])
    }
    table = FeatureTable(**columns)
    with pytest.raises(ValueError, match='no domain .street.; there are'):
        table.query_gallery('street')
    with pytest.raises(ValueError, match='2 query and 0 gallery'):
        table.query_gallery('shop')
    for change, message in (({'camids': np.arange(3)}, 'camids has 3 rows'),
                            ({'domain': np.array([0, 1])}, 'has no name'),
                            ({'domains': np.array(['a', 'a'])}, 'of its own')):
        with pytest.raises(ValueError, match=message):
            FeatureTable(**{**columns, **change})


def test_query_and_gallery_of_a_table_are_its_rows():
    table = FeatureTable(
        features=np.arange(12.0).reshape(6, 2), pids=np.arange(6),
        camids=np.zeros(6, int), domain=np.zeros(6, int),
        is_query=np.arange(6) < 2, img_path=np.array(list('abcdef')),
        domains=np.array(['shop']))
    for rows, copied in (([2, 3, 4, 5], False), ([2, 4, 5], True),
                         ([4, 3, 2], True), ([5], False)):
        rows = np.array(rows)
        images = table.query_gallery('shop', np.array([0, 1]), rows)
        gallery = images.gallery.numpy()
        assert gallery.tolist() == table.features[rows].tolist()
        assert images.g_pids.tolist() == rows.tolist()
        assert np.shares_memory(gallery, table.features) != copied
    images = table.query_gallery('shop', gallery=np.array([3]))
    assert images.q_pids.tolist() == [0, 1] and images.name == 'shop'


def test_table_is_logged(monkeypatch):
    messages = []
    for module in ('retrieval', 'base'):
        monkeypatch.setattr(
            f'mmreidmix.evaluation.metrics.{module}.print_log',
            lambda message, **_: messages.append(message))
    samples = make_samples()
    result = evaluate(samples, size=len(samples) + 1)
    assert '70 different images instead of the 71' in messages[0]
    lines = messages[1].splitlines()[1:]
    assert lines[0].split() == [
        'domain', 'queries', 'without', 'match', 'mAP', 'mINP', 'rank-1',
        'rank-5', 'rank-10'
    ]
    assert [line.split()[0] for line in lines[2:]] == [*DOMAINS, 'mean']
    assert f"{100 * result['pku/mAP']:.2f}" in lines[3]


def test_format_table_is_aligned():
    text = format_table({
        'market1501': {'mAP': .5, 'queries': 3368, 'queries_without_match': 0},
        'x': {'mAP': 1., 'queries': 2, 'queries_without_match': 1},
        'mean': {'mAP': .75},
    })
    assert text.splitlines() == [
        'domain      queries  without match     mAP',
        '------------------------------------------',
        'market1501     3368              0   50.00',
        'x                 2              1  100.00',
        'mean              -              -   75.00',
    ]


def test_bad_options_and_samples_are_named():
    for options, message in (({'metric': 'dot'}, 'metric must be one of'),
                             ({'ranks': (0, )}, 'ranks must be an integer of'),
                             ({'save_features': 'a.pkl'}, 'end with .npz')):
        with pytest.raises(ValueError, match=message):
            ReIDMetric(**options)
    metric = ReIDMetric()
    sample = make_samples()[0]
    sample.set_metainfo({'subset': 'train'})
    with pytest.raises(ValueError, match="'query' or 'gallery', got 'train'"):
        metric.process(None, [sample])
    del sample.embedding
    with pytest.raises(KeyError, match='embedding'):
        metric.process(None, [sample])
    with pytest.raises(ValueError, match='no image to evaluate'):
        ReIDMetric().evaluate(0)


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    """Folder with what distributed_metric.py wrote in each process."""
    folder = tmp_path_factory.mktemp('two')
    run_processes(2, WORKER, folder)
    return folder


def read_both(folder, name):
    return [
        json.loads((folder / f'{name}{r}.json').read_text()) for r in range(2)
    ]


@pytest.mark.parametrize('shares', ['uneven', 'idle'])
def test_two_processes_return_what_one_does(two_processes, shares):
    """Uneven shares with padding, then a rank that holds nothing."""
    expected = evaluate(make_samples())
    assert read_both(two_processes, shares) == [expected, expected]


def test_two_processes_save_all_features(two_processes):
    table = FeatureTable.load(two_processes / 'features.npz')
    by_index = sorted(make_samples(), key=lambda s: s.index)
    assert table.img_path.tolist() == [s.img_path for s in by_index]
    assert table.pids.tolist() == [s.pid for s in by_index]


def test_an_error_is_raised_in_every_process(two_processes):
    for message in read_both(two_processes, 'error'):
        assert message.startswith('no query has a match in another camera: '
                                  'domain market has cameras [0]')


@pytest.mark.parametrize('options, label', [
    ({'rerank': {'k1': 5, 'k2': 2}}, '+rerank'),
    ({'query_expansion': {'neighbours': 3}}, '+qe'),
    ({'query_expansion': {}, 'rerank': {'k1': 4}}, '+qe+rerank'),
])
def test_variants_come_in_addition_under_names_of_their_own(options, label):
    samples = make_samples()
    plain = evaluate(samples)
    result = evaluate(samples, **options)
    assert plain.items() <= result.items()
    added = result.keys() - plain.keys()
    assert added == {key.replace('/', f'{label}/') for key in plain}
    for domain, name in enumerate(DOMAINS):
        expected = rank(images_of(samples, domain), **options).summary()
        assert {f'{name}{label}/{k}': v
                for k, v in expected.items()}.items() <= result.items()
    assert result[f'pku{label}/mAP'] != plain['pku/mAP']


def test_bad_variants_are_named_before_the_test():
    for options, message in (
        ({'rerank': {'k3': 5}}, r"rerank has no options \['k3'\]; there are"),
        ({'query_expansion': {}, 'metric': 'euclidean'},
         "one of 'cosine', g"),
    ):
        with pytest.raises(ValueError, match=message):
            ReIDMetric(**options)


def test_single_shot_comes_in_addition():
    samples = make_samples()
    metrics = evaluate(samples, single_shot=dict(repeats=7, seed=2))
    plain = evaluate(samples)
    assert {key: metrics[key] for key in plain} == plain
    for domain, name in enumerate(DOMAINS):
        found = single_gallery_shot(
            images_of(samples, domain), repeats=7, seed=2).summary()
        for score in ('mAP', 'rank-1', 'rank-5', 'rank-10', 'queries'):
            assert metrics[f'{name}+single-shot/{score}'] == found[score]
    assert metrics['mean+single-shot/rank-1'] == pytest.approx(
        np.mean([metrics[f'{n}+single-shot/rank-1'] for n in DOMAINS]))
    assert not [key for key in metrics if 'std' in key or 'repeats' in key]


def test_single_shot_options_are_checked():
    with pytest.raises(ValueError, match="single_shot has no options .'k'"):
        ReIDMetric(single_shot=dict(k=1))


def standardised_by_hand(samples, domain):
    """Samples of one domain with embeddings standardised per camera."""
    own = [s for s in samples if s.domain == domain]
    rows = np.stack([s.embedding.numpy() for s in own])
    cameras = np.array([s.camid for s in own])
    found = CameraProfiles.from_embeddings(rows, cameras).apply(rows, cameras)
    own = [sample.clone() for sample in own]
    for sample, row in zip(own, found):
        sample.embedding = torch.from_numpy(row)
    return own


@pytest.mark.parametrize('options', [{}, {'rerank': {'k1': 5, 'k2': 2}}])
def test_profiles_of_the_tested_images_are_scored_as_well(options):
    samples = make_samples()
    plain = evaluate(samples, **options)
    found = evaluate(samples, camera_profiles='tested', **options)
    assert plain.items() <= found.items()
    for domain, name in enumerate(DOMAINS):
        images = images_of(standardised_by_hand(samples, domain), domain)
        for label, extra in {'': {}, **({'+rerank': options}
                                        if options else {})}.items():
            extra = {k: dict(v, lambda_value=0.3) for k, v in extra.items()}
            for key, value in rank(images, **extra).summary((1, 5)).items():
                assert found[f'{name}+tested-profiles{label}/{key}'] == (
                    pytest.approx(value)), key
    assert 'mean+tested-profiles/mAP' in found
    assert found['pku+tested-profiles/mAP'] != found['pku/mAP']


def test_profiles_of_files_by_the_name_of_the_domain(tmp_path):
    samples = make_samples()
    for domain, name in enumerate(DOMAINS):
        own = [s for s in samples if s.domain == domain]
        CameraProfiles.from_embeddings(
            np.stack([s.embedding.numpy() for s in own]),
            np.array([s.camid for s in own]), site=name).save(
                tmp_path / f'{name}.npz')
    files = [str(tmp_path / f'{name}.npz') for name in DOMAINS[::-1]]
    found = evaluate(samples, camera_profiles=files)
    tested = evaluate(samples, camera_profiles='tested')
    assert found == {key.replace('+tested-profiles', '+profiles'): value
                     for key, value in tested.items()}
    with pytest.raises(ValueError, match=r"no camera profiles of the domains "
                       r"\['market'\]; the files are of the sites \['pku'\]"):
        evaluate(samples, camera_profiles=files[:1])
    with pytest.raises(ValueError, match="are of the site 'pku'"):
        ReIDMetric(camera_profiles=files[:1] * 2)


@pytest.mark.parametrize('given', ['test', []])
def test_no_profiles(given):
    with pytest.raises(ValueError, match="must be 'tested' or a list of file"):
        ReIDMetric(camera_profiles=given)
