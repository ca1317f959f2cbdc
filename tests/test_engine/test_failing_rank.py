"""When one process of a training ends, the others end too."""

import os
import signal
import subprocess

import pytest

from tests.tiny import ROOT, environment, free_port, tiny_config

SAID = dict(kill='Signal 9', error='a step that fails')


@pytest.mark.parametrize('how', SAID)
def test_no_process_outlives_another(toy, tmp_path, how):
    cfg = tiny_config(toy)
    cfg.custom_imports = dict(imports=['tests.failing_rank'])
    cfg.custom_hooks = [
        *cfg.get('custom_hooks', []), dict(type='FailingRankHook', how=how)]
    cfg.train_dataloader.batch_size = 8
    cfg.dump(tmp_path / 'two.py')
    run = subprocess.Popen(
        ['bash', ROOT / 'tools' / 'dist_train.sh', tmp_path / 'two.py', '2',
         '--work-dir', tmp_path / 'two'],
        env=dict(environment(), PORT=free_port()), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True)
    try:
        # The output ends with the last process that holds it.
        output, _ = run.communicate(timeout=300)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode not in (0, None), output[-3000:]
    assert SAID[how] in output, output[-3000:]
    assert not list((tmp_path / 'two').glob('epoch_*.pth'))
