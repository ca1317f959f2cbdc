"""What is said of a config that can not be built."""

import pytest
from mmengine import registry as mmengine_registry
from mmengine.registry import DefaultScope

import mmreidmix.engine
import mmreidmix.evaluation  # noqa: F401

KINDS = [
    ('MODELS', dict(type='DomainMixx'),
     "there is no model 'DomainMixx'; did you mean 'DomainMix'?"),
    ('MODELS', dict(type='MobileNetV3'),
     "there is no model 'MobileNetV3'; did you mean 'mmpretrain.MobileNetV3'"),
    ('MODELS', dict(type='mmpretrain.MobilenetV3'),
     "did you mean 'mmpretrain.MobileNetV3'?"),
    ('MODELS', dict(type='mmpretrain.ResNet', depht=18),
     "ResNet has no option 'depht'; did you mean 'depth'?"),
    ('MODELS', dict(type='BNNeck', channels=18),
     "BNNeck has no option 'channels'; did you mean 'in_channels'?"),
    ('OPTIMIZERS', dict(type='Adamm', lr=1),
     "there is no optimizer 'Adamm'; did you mean 'Adam'?"),
    ('LOOPS', dict(type='ResumableEpochLoop', max_epoch=1),
     "ResumableEpochLoop has no option 'max_epoch'; did you mean "
     "'max_epochs'?"),
    ('HOOKS', dict(type='MomentumEncoderHook', momentum=1),
     "MomentumEncoderHook has no option 'momentum'"),
    ('HOOKS', dict(type='PseudoLabelHook', begin=1.5),
     'PseudoLabelHook: begin must be an integer of at least 0, got 1.5'),
    ('HOOKS', dict(type='PseudoLabelHook', batch_size=0),
     'PseudoLabelHook: batch_size must be an integer of at least 1, got 0'),
    ('HOOKS', dict(type='StepTimeHook', interval=0),
     'StepTimeHook: interval must be an integer of at least 1, got 0'),
    ('HOOKS', dict(type='ResetOptimizerHook', begin=-1),
     'ResetOptimizerHook: begin must be an integer of at least 0, got -1'),
    ('TASK_UTILS', dict(type='KMeans', radius=2),
     "KMeans has no option 'radius', only num_clusters, "),
    ('METRICS', dict(type='ReIDMetric', cross_camera='no'),
     "ReIDMetric: cross_camera must be of type bool, got 'no'"),
    ('MODELS', dict(type='IdentityHead', in_channels='4', max_classes=2),
     "IdentityHead: in_channels must be of type int, got '4'"),
    ('MODELS', dict(type='IdentityHead', in_channels=4, max_classes=0),
     'IdentityHead: max_classes must be an integer of at least 1, got 0'),
    ('METRICS', dict(type='ReIDMetric', rerank=True),
     'ReIDMetric: rerank must be a dict of options'),
    ('METRICS', dict(type='ReIDMetric', rerank=dict(k1=0)),
     'rerank: k1 must be an integer of at least 1, got 0'),
    ('METRICS', dict(type='ReIDMetric', rerank=dict(lambda_value=2)),
     r'rerank: lambda_value must be in \[0, 1\], got 2'),
    ('METRICS', dict(type='ReIDMetric', query_expansion=dict(alpha=-1)),
     'query_expansion: alpha must be at least 0, got -1'),
    ('METRICS', dict(type='ReIDMetric', single_shot=dict(repeats=0)),
     'single_shot: repeats must be an integer of at least 1, got 0'),
    ('METRICS', dict(type='ReIDMetric', device='gpu'),
     "ReIDMetric: device must be one that PyTorch .*, got 'gpu'"),
    ('DATASETS', dict(type='Market1501', data_root='x', splitt=1),
     "Market1501 has no option 'splitt'"),
]


@pytest.mark.parametrize('registry, cfg, message', KINDS)
def test_the_nearest_is_named(registry, cfg, message):
    """Built by MMEngine's registry, as a runner does."""
    with DefaultScope.overwrite_default_scope('mmreidmix'), pytest.raises(
            ValueError, match=message):
        getattr(mmengine_registry, registry).build(cfg)


def test_errors_of_the_inside_stay_their_own():
    class Own:
        def __init__(self, size):
            dict(1, size=size)

    with pytest.raises(TypeError, match="'int' object is not iterable"):
        mmengine_registry.MODELS.build(dict(type=Own, size=3))
    with pytest.raises(ValueError, match="Own has no option 'siz'; did you"):
        mmengine_registry.MODELS.build(dict(type=Own, siz=3))
