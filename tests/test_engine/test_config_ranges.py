import pytest
from mmengine.config import Config

from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.config_ranges import check_ranges
from tests.tiny import BASE


@pytest.mark.parametrize('key, value', [
    ('train_cfg.max_epochs', 0), ('train_cfg.max_epochs', -1),
    ('train_cfg.max_epochs', 2.5), ('train_cfg.val_interval', 0),
    ('train_cfg.val_interval', -2), ('train_dataloader.batch_size', 0),
    ('optim_wrapper.clip_grad.max_norm', 0),
    ('optim_wrapper.clip_grad.max_norm', -1),
    ('optim_wrapper.clip_grad.clip_value', float('nan')),
    ('optim_wrapper.optimizer.lr', 0),
    ('optim_wrapper.accumulative_counts', 0),
    ('optim_wrapper.optimizer.lr', '1e-3'),
    ('randomness.seed', -1), ('randomness.seed', 'one'),
    ('test_dataloader.num_workers', -1), ('val_dataloader.batch_size', 0),
    ('default_hooks.logger.interval', 0),
    ('default_hooks.checkpoint.interval', 0),
    ('default_hooks.checkpoint.max_keep_ckpts', -2)])
def test_what_learns_nothing_is_refused_at_the_door(key, value, tmp_path):
    cfg = Config.fromfile(BASE)
    cfg.work_dir = str(tmp_path)
    cfg.merge_from_dict({key: value})
    with pytest.raises(ValueError, match=f'^config: {key} must be .*{value}'):
        build_runner(cfg)


def test_a_config_without_a_model():
    with pytest.raises(ValueError, match='the config has no `model`'):
        build_runner(Config(dict(work_dir='x')))


def test_what_is_usual_is_not():
    cfg = Config.fromfile(BASE)
    cfg.merge_from_dict({
        'default_hooks.checkpoint.interval': -1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
        'optim_wrapper.clip_grad': dict(max_norm=5.0, norm_type=2)})
    check_ranges(cfg)
    check_ranges({})
