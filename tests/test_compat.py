import subprocess
import sys
from datetime import timedelta

import pytest
import torch

from mmreidmix import compat
from mmreidmix.engine.build_runner import build_runner
from tests.tiny import environment, tiny_config


@pytest.fixture
def started(monkeypatch):
    """What the process group would have been started with."""
    calls = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setenv('RANK', '0')
    monkeypatch.setattr(
        compat.torch_dist, 'init_process_group',
        lambda backend, timeout: calls.append((backend, timeout)))
    monkeypatch.setattr(compat.torch_dist, 'is_initialized', lambda: False)
    return calls


@pytest.mark.parametrize('given, expected', [
    (None, None), (90, timedelta(seconds=90)), (0.5, timedelta(0, 0.5))])
def test_timeout_of_processes_on_cpus(started, given, expected):
    compat.init_cpu_process_group('pytorch', given)
    assert started == [('gloo', expected)]


def test_one_process_starts_no_group(started):
    compat.init_cpu_process_group('none', 90)
    assert started == []


@pytest.mark.parametrize('given', [0, -1])
def test_a_timeout_that_can_not_be(started, given):
    with pytest.raises(ValueError, match=(
            rf'env_cfg\.dist_cfg\.timeout must be .* got {given}')):
        compat.init_cpu_process_group('pytorch', given)


def test_the_timeout_is_that_of_the_config(started, toy, tmp_path):
    cfg = tiny_config(toy)
    cfg.work_dir = str(tmp_path)
    cfg.env_cfg = dict(dist_cfg=dict(backend='nccl', timeout=-3))
    with pytest.raises(ValueError, match='got -3'):
        build_runner(cfg, 'pytorch')


def test_nothing_needs_pkg_resources(toy, tmp_path):
    """Setuptools 82 has none; MMEngine imports it where it is asked for."""
    code = '''
import sys
sys.modules['pkg_resources'] = None
from pathlib import Path
from mmengine.registry import DefaultScope
from mmreidmix.engine.build_runner import build_runner
from tests.tiny import tiny_config
DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
cfg = tiny_config(Path(sys.argv[1]), train_cfg__max_epochs=1)
cfg.work_dir = sys.argv[2]
build_runner(cfg).train()
'''
    result = subprocess.run(
        [sys.executable, '-c', code, str(toy), str(tmp_path)],
        env=environment(), text=True, capture_output=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert (tmp_path / 'epoch_1.pth').exists()
