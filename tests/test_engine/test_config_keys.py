import pytest
from mmengine.config import Config

from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.config_keys import ELSEWHERE, MORE_KEYS, unread_keys
from tests.test_configs import KEYS
from tests.tiny import BASE


def test_what_is_read_is_known():
    known = [*KEYS, *MORE_KEYS, 'work_dir', 'launcher', 'log_processor',
             'auto_scale_lr']
    assert unread_keys(dict.fromkeys(known)) == []


@pytest.mark.parametrize('key, meant', [
    ('optim_wraper', 'optim_wrapper'), ('randomnes', 'randomness'),
    ('load_form', 'load_from'), ('default_hook', 'default_hooks'),
    ('seed', 'randomness.seed'), ('lr', 'optim_wrapper.optimizer.lr')])
def test_what_is_meant_to_be_read_is_an_error(key, meant):
    cfg = dict({key: 3}, randomness=dict(seed=0))
    with pytest.raises(ValueError, match=(
            f"'{key}' at its top level, .* did you mean '{meant}'.* _{key}$")):
        unread_keys(cfg)


def test_helper_variables_are_told():
    cfg = dict(max_epochs=5, train_cfg=dict(max_epochs=5), width=3,
               train_dataset=dict(), val_pipeline=[])
    assert unread_keys(cfg) == [
        'max_epochs', 'width', 'train_dataset', 'val_pipeline']


def test_the_places_named_are_those_of_a_config():
    cfg = Config.fromfile(BASE)
    for place in {*ELSEWHERE.values()}:
        value = cfg
        for key in place.split('.'):
            value = value[key]


def test_a_runner_is_not_built(tmp_path):
    cfg = Config.fromfile(BASE)
    cfg.work_dir, cfg.seed, cfg._helper = str(tmp_path / 'x'), 3, 4
    with pytest.raises(ValueError, match="did you mean 'randomness.seed'"):
        build_runner(cfg)
    assert not (tmp_path / 'x').exists()


@pytest.mark.parametrize('changes, message', [
    ({'default_hooks.chekpoint.interval': 5},
     "default_hooks.chekpoint has no type; did you mean 'checkpoint'"),
    ({'default_hooks.checkpoint.intervall': 5},
     "default_hooks.checkpoint has 'intervall', .* mean 'interval'"),
    ({'train_dataloader.num_wokers': 2},
     "train_dataloader has 'num_wokers', .* did you mean 'num_workers'"),
    ({'optim_wrapper.paramwise_cfg': dict(norm_decay=0)},
     "paramwise_cfg has 'norm_decay', .* did you mean 'norm_decay_mult'"),
    ({'optim_wrapper.paramwise_cfg.custom_keys': dict(head=dict(lr_mul=2))},
     r"custom_keys\['head'\] has 'lr_mul', .* did you mean 'lr_mult'"),
    ({'optim_wrapper.paramwise_cfg.custom_keys': dict(nek=dict(lr_mult=2))},
     "no parameter has 'nek' in its name; the first is 'backbone"),
    ({'model.id_head.max_clases': 3},
     "IdentityHead has no option 'max_clases'; did you mean 'max_classes'"),
    ({'model.type': 'DomainMixx'},
     "there is no model 'DomainMixx'; did you mean 'DomainMix'"),
    ({'optim_wrapper': dict(_delete_=True, optimiser=dict(type='SGD'))},
     "optim_wrapper has 'optimiser'; did you mean 'optimizer'"),
    ({'train_dataloader.dataset': None}, 'no train_dataloader.dataset')])
def test_what_mmengine_takes_or_fails_at_late(changes, message, tmp_path):
    cfg = Config.fromfile(BASE)
    cfg.work_dir = str(tmp_path)
    cfg.merge_from_dict(changes)
    with pytest.raises(ValueError, match=message):
        build_runner(cfg)


def test_any_hook_can_be_left_out(tmp_path):
    cfg = Config.fromfile(BASE)
    cfg.work_dir = str(tmp_path)
    for name in ('start', 'stop', 'logger'):
        cfg.default_hooks[name] = None
    names = {type(hook).__name__ for hook in build_runner(cfg).hooks}
    assert 'MixtureHook' in names
    assert not names & {'StartEvaluationHook', 'StopHook', 'LoggerHook'}
