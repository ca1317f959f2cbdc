"""What a test says of its checkpoint, and which ones it refuses."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmreidmix.engine import CheckWeightsHook
from tests.tiny_model import build_model

CFG = dict(train_cfg=dict(max_epochs=5))


def run(**options):
    return SimpleNamespace(model=build_model('ReIDBaseline'),
                           cfg=Config(CFG), _load_from='epoch_3.pth',
                           **options)


def test_reads_the_meta_data():
    hook, runner = CheckWeightsHook(), run()
    assert (hook.rule, hook.seed, hook.method_sha256) == (
        'untrained', None, None)
    hook.after_load_checkpoint(runner, dict(
        meta=dict(epoch=3, seed=7, method_sha256='ab'),
        state_dict=runner.model.state_dict()))
    assert (hook.rule, hook.seed, hook.method_sha256) == (
        'epoch 3 of 5', 7, 'ab')


def test_the_rule_is_that_of_the_training():
    """The config of the test may have changed since, or be another one."""
    hook, runner = CheckWeightsHook(), run()
    hook.after_load_checkpoint(runner, dict(
        meta=dict(epoch=3, cfg='train_cfg = dict(max_epochs=3)'),
        state_dict=runner.model.state_dict()))
    assert hook.rule == 'last'
    assert hook.training == dict(train_cfg=dict(max_epochs=3))


@pytest.mark.parametrize('meta', [{}, dict(meta=None), dict(meta={})])
def test_checkpoint_without_meta_data(meta):
    hook, runner = CheckWeightsHook('last'), run()
    hook.after_load_checkpoint(
        runner, dict(meta, state_dict=runner.model.state_dict()))
    assert (hook.rule, hook.seed, hook.method_sha256) == ('last', None, None)


def test_stated_rule_that_contradicts():
    hook, runner = CheckWeightsHook('oracle'), run()
    with pytest.raises(ValueError, match="'epoch 3 of 5' .* not 'oracle'"):
        hook.after_load_checkpoint(runner, dict(
            meta=dict(epoch=3), state_dict=runner.model.state_dict()))


def test_weights_that_are_absent():
    runner = run()
    weights = {k: v for k, v in runner.model.state_dict().items()
               if 'conv' not in k}
    with pytest.raises(ValueError, match=(
            'epoch_3.pth does not fit the model: 2 tensors')):
        CheckWeightsHook().after_load_checkpoint(
            runner, dict(state_dict=weights))
