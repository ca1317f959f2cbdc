import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from test_retrieval_metric import DOMAINS, make_samples

from mmreidmix.evaluation import FeatureTable
from mmreidmix.evaluation.functional.open_set import draw_absent, open_set
from mmreidmix.evaluation.functional.verification import pair_histogram
from mmreidmix.evaluation.metrics.verification import VerificationMetric


def evaluate(samples, *metrics):
    evaluator = Evaluator(list(metrics))
    evaluator.dataset_meta = {'domains': DOMAINS}
    for begin in range(0, len(samples), 9):
        evaluator.process(samples[begin:begin + 9])
    return evaluator.evaluate(len(samples))


def test_beside_the_retrieval_metric(tmp_path):
    samples = make_samples()
    file = tmp_path / 'features.npz'
    result = evaluate(samples, {'type': 'ReIDMetric'}, {
        'type': 'VerificationMetric',
        'fprs': (.1, .5),
        'open_set': {'false_alarms': (.3, )},
        'save_features': str(file)
    })
    assert 'market/mAP' in result
    table = FeatureTable.load(file)
    for name in DOMAINS:
        images = table.query_gallery(name)
        pairs = pair_histogram(images)
        assert result[f'{name}/TPR@FPR=0.1'] == pairs.tpr_at(.1)
        assert result[f'{name}/EER'] == pairs.eer()
        assert result[f'{name}/AUC'] == pairs.auc()
        assert result[f'{name}/impostor_pairs'] == pairs.impostor_pairs
        assert result[f'{name}/smallest_FPR'] == 30 / pairs.impostor_pairs
        found = open_set(images, draw_absent(images.q_pids))
        assert result[f'{name}/DIR-1@FAR=0.3'] == found.detection_rate(.3)
        assert result[f'{name}/absent_queries'] == len(found.absent_score)


def test_rates_with_too_few_pairs_are_named(monkeypatch):
    messages = []
    monkeypatch.setattr('mmreidmix.evaluation.metrics.verification.print_log',
                        lambda message, **_: messages.append(message))
    result = evaluate(make_samples(), VerificationMetric(
        fprs=(.5, 1e-4, 1e-5), open_set={'false_alarms': (.01, .9)}))
    warnings = [m for m in messages if 'too few' in m]
    assert len(warnings) == 4
    pairs = result['market/impostor_pairs']
    assert (f'market has {pairs:,} impostor pairs, too few for a '
            'false-positive rate of 0.0001, 1e-05:' in warnings[0])
    assert 'false alarm rate of 0.01:' in warnings[1]


def test_prefix_and_options():
    samples = make_samples()
    keys = evaluate(samples, VerificationMetric(fprs=(.1, ), prefix='pairs'))
    assert {'pairs/market/EER', 'pairs/pku/TPR@FPR=0.1'} <= set(keys)
    assert not any('DIR' in key for key in keys)
    for options, message in (
        ({'fprs': (2, )}, r'fprs must be in \[0, 1\], got 2'),
        ({'open_set': {'rate': 1}}, r"no options \['rate'\]; there are"),
        ({'open_set': {'absent': -1}}, r'absent must be in \[0, 1\]'),
        ({'open_set': {'rank': 0}}, 'open_set: rank must be an integer of at'),
        ({'save_features': 'a.pkl'}, 'VerificationMetric: save_features')):
        with pytest.raises(ValueError, match=message):
            VerificationMetric(**options)


def test_errors_name_the_metric():
    sample = make_samples()[0]
    sample.set_metainfo({'subset': 'train'})
    with pytest.raises(ValueError, match='VerificationMetric: a data sample'):
        VerificationMetric().process(None, [sample])
    with pytest.raises(ValueError, match='VerificationMetric: there is no'):
        VerificationMetric().evaluate(0)


def test_embeddings_without_length_stop_it():
    samples = make_samples()
    samples[3].embedding = samples[3].embedding * np.nan
    with pytest.raises(ValueError, match='features are NaN or infinite'):
        evaluate(samples, VerificationMetric())
