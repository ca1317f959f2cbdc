"""A share of the start in the weights of a finished training."""

from types import SimpleNamespace

import pytest

from mmreidmix.engine import StartShareHook
from tests.test_engine.tiny_run import TinyRun
from tests.tiny_model import build_model

SHARE = 0.25
MOMENTUM = dict(type='MomentumEncoder')


def trained(hook, momentum_encoder=MOMENTUM, steps=3, shift=1.0):
    """A run of 3 iterations whose weights and statistics move by ``shift``."""
    model = build_model('ReIDBaseline', momentum_encoder=momentum_encoder)
    run = TinyRun(model, None, hook, max_iters=3)
    run.call_hook('before_train')
    start = {k: v.clone() for k, v in model.state_dict().items()}
    for run.iter in range(steps):
        for value in floats(model).values():
            value += shift
        run.call_hook('after_train_iter', batch_idx=run.iter)
    return run, start


def floats(model):
    return {k: v for k, v in model.state_dict().items()
            if v.is_floating_point()}


def moved(run, start, prefix=''):
    """Mean change of tensors whose names begin with ``prefix``."""
    return {
        name: float((value - start[name]).mean())
        for name, value in floats(run.model).items()
        if name.startswith(prefix)
    }


def test_the_momentum_encoder_is_mixed_and_the_encoder_is_not():
    run, start = trained(StartShareHook(SHARE))
    slow = moved(run, start, 'momentum_encoder.')
    assert any(name.endswith('running_var') for name in slow)
    assert slow == pytest.approx(dict.fromkeys(slow, 3 * (1 - SHARE)))
    fast = moved(run, start, 'backbone.')
    assert fast == pytest.approx(dict.fromkeys(fast, 3))


def test_the_encoder_is_mixed_where_it_is_tested():
    run, start = trained(StartShareHook(SHARE), momentum_encoder=None)
    for part in ('backbone.', 'bnneck.'):
        changes = moved(run, start, part)
        assert changes == pytest.approx(
            dict.fromkeys(changes, 3 * (1 - SHARE)))
    head = moved(run, start, 'id_head.')
    assert head and head == pytest.approx(dict.fromkeys(head, 3))


def test_not_before_the_last_step():
    run, start = trained(StartShareHook(SHARE), steps=2)
    changes = moved(run, start, 'momentum_encoder.')
    assert changes == pytest.approx(dict.fromkeys(changes, 2))


def test_a_resumed_run_has_the_same_start():
    run, start = trained(StartShareHook(SHARE), steps=2)
    saved = run.save()
    hook = StartShareHook(SHARE)
    later = TinyRun(run.model, None, hook, max_iters=3).load(saved)
    later.call_hook('before_train')
    later.iter = 2
    later.call_hook('after_train_iter', batch_idx=2)
    changes = moved(later, start, 'momentum_encoder.')
    assert changes == pytest.approx(dict.fromkeys(changes, 2 * (1 - SHARE)))


def listen(run):
    """Warnings of a run, as they come."""
    told = []
    run.logger = SimpleNamespace(
        info=lambda text: None, log=lambda level, text: told.append(text))
    return told


def test_the_last_checkpoint_does_not_hold_the_start():
    run, start = trained(StartShareHook(SHARE))
    saved = run.save()
    assert 'start_weights' not in saved
    later = TinyRun(run.model, None, StartShareHook(SHARE), max_iters=4)
    told = listen(later)
    later.load(saved)
    assert 'is of a finished training' in told[0]
    later.call_hook('before_train')
    later.iter = 3
    later.call_hook('after_train_iter', batch_idx=3)
    changes = moved(later, start, 'momentum_encoder.')
    assert changes == pytest.approx(dict.fromkeys(changes, 3 * (1 - SHARE)))


def test_an_early_stop_is_told():
    run, _ = trained(StartShareHook(SHARE), steps=2)
    told = listen(run)
    run.call_hook('after_train')
    assert 'no share of the start' in told[0]


def test_share_out_of_range():
    with pytest.raises(ValueError, match='share'):
        StartShareHook(share=1)


