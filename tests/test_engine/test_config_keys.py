import pytest
from mmengine.config import Config

from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.config_keys import ELSEWHERE, MORE_KEYS, check_top_level
from tests.test_configs import KEYS
from tests.tiny import BASE


def test_what_is_read_is_known():
    check_top_level([*KEYS, *MORE_KEYS, 'work_dir', 'launcher', 'log_processor',
                     'auto_scale_lr'])


@pytest.mark.parametrize('key, hint', [
    ('optim_wraper', "did you mean 'optim_wrapper'?"),
    ('randomnes', "did you mean 'randomness'?"),
    ('load_form', "did you mean 'load_from'?"),
    ('seed', "did you mean 'randomness.seed'?"),
    ('width', 'reads. Helper variables begin with an underscore: _width')])
def test_what_nothing_reads_is_named(key, hint):
    with pytest.raises(ValueError) as info:
        check_top_level(['model', key])
    assert f"['{key}']" in str(info.value) and hint in str(info.value)


def test_the_places_named_are_those_of_a_config():
    cfg = Config.fromfile(BASE)
    for path in {*ELSEWHERE.values()} - {
            'train_dataloader.num_workers'}:
        value = cfg
        for key in path.split('.'):
            value = value[key]


def test_a_runner_is_not_built(tmp_path):
    cfg = Config.fromfile(BASE)
    cfg.work_dir, cfg.seed, cfg._helper = str(tmp_path / 'x'), 3, 4
    with pytest.raises(ValueError, match=r"\['seed'\] at its top level"):
        build_runner(cfg)
    assert not (tmp_path / 'x').exists()
