"""A training that a signal ends goes on inside the epoch, bit for bit."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmreidmix.engine.latest_checkpoint import latest_checkpoint
from tests.test_engine.test_adaptation_runs import CONTRAST, DAAM
from tests.test_engine.test_adaptation_runs import config as adaptation_config
from tests.test_engine.test_resume import assert_equal, losses
from tests.tiny import ROOT, TRAIN, checkpoint, environment, tiny_config
from tests.tiny_remix import tiny_remix_config

EPOCHS, ITERATIONS = 3, 4


def domainmix_config(toy, epochs=EPOCHS, **options):
    cfg = tiny_config(toy, train_cfg__max_epochs=epochs, **options)
    cfg.default_hooks.phases.phases = [
        dict(begin=0), dict(begin=1, discriminator_interval=2)]
    return cfg


def contrast_config(toy):
    """A memory that follows the batches, a dropout, accumulated gradients."""
    memory = dict(type='CentroidsMemory', follow=True, momentum=0.2)
    cfg = adaptation_config(toy, dict(CONTRAST, memory=memory))
    cfg.default_hooks.pseudo_labels.interval = 1
    cfg.model.neck = [cfg.model.neck, dict(type='torch.nn.Dropout', p=0.2)]
    cfg.optim_wrapper.accumulative_counts = 2
    return cfg


CONFIGS = dict(
    domainmix=domainmix_config,
    daam=lambda toy: adaptation_config(toy, DAAM),
    contrast=contrast_config,
    remix=lambda toy: tiny_remix_config(
        toy, train_cfg__max_epochs=EPOCHS),
    remix_online=lambda toy: tiny_remix_config(
        toy, train_cfg__max_epochs=EPOCHS,
        default_hooks__pseudo_labels__refresh='online'))


def run(cfg, work_dir, resume=None, stop_at=None, name=signal.SIGTERM):
    """Losses of a training that gets a signal in a step, if it does."""
    cfg = cfg.copy()
    cfg.work_dir = str(work_dir)
    cfg.resume, cfg.load_from = resume is not None, resume
    cfg.experiment_name = f'{work_dir.parent.name}_{work_dir.name}_{resume}'
    runner, losses = Runner.from_cfg(cfg), []
    step = runner.model.train_step

    def train_step(*args, **kwargs):
        losses.append(step(*args, **kwargs))
        if len(losses) == stop_at:
            os.kill(os.getpid(), name)
        return losses[-1]

    runner.model.train_step = train_step
    with DefaultScope.overwrite_default_scope('mmreidmix'):
        if stop_at is None:
            runner.train()
        else:
            with pytest.raises(SystemExit) as end:
                runner.train()
            assert end.value.code == 128 + name
    return losses


@pytest.mark.parametrize('method', CONFIGS)
def test_stopped_and_resumed_equals_uninterrupted(toy, tmp_path, method):
    cfg = CONFIGS[method](toy)
    whole = run(cfg, tmp_path / 'whole')
    first = run(cfg, tmp_path / 'stopped', stop_at=6)
    path = latest_checkpoint(tmp_path / 'stopped')
    assert path == str(tmp_path / 'stopped' / 'iter_6.pth')
    rest = run(cfg, tmp_path / 'stopped', resume=path)
    assert len(whole) == EPOCHS * ITERATIONS
    assert_equal(whole, first + rest)
    a, b = (checkpoint(tmp_path / name, EPOCHS)
            for name in ('whole', 'stopped'))
    for part in ('state_dict', 'label_table', 'optimizer'):
        assert_equal(a[part], b[part], part)


def test_behind_the_last_batch_of_an_epoch(toy, tmp_path):
    cfg = domainmix_config(toy)
    whole = run(cfg, tmp_path / 'whole')
    first = run(cfg, tmp_path / 'stopped', stop_at=4, name=signal.SIGINT)
    saved = tmp_path / 'stopped' / 'iter_4.pth'
    assert torch.load(saved, weights_only=True)['inside_epoch'][
        'batches'] == 4
    assert_equal(whole, first + run(cfg, tmp_path / 'stopped', str(saved)))
    assert checkpoint(tmp_path / 'stopped', 3)['meta']['iter'] == 12


def test_accumulated_gradients_are_not_lost(toy, tmp_path):
    run(contrast_config(toy), tmp_path / 'run', stop_at=5)
    assert latest_checkpoint(tmp_path / 'run').endswith('iter_6.pth')


def test_signals_are_given_back(toy, tmp_path):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    run(domainmix_config(toy, epochs=1), tmp_path / 'run')
    assert before == [
        signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]


def test_another_loop_is_refused(toy, tmp_path):
    cfg = domainmix_config(toy)
    cfg.train_cfg.type = 'EpochBasedTrainLoop'
    with pytest.raises(TypeError, match="type='ResumableEpochLoop'"):
        run(cfg, tmp_path / 'run')


def test_one_signal_to_workers_and_main_process(toy, tmp_path):
    cfg = domainmix_config(
        toy, train_dataloader__num_workers=2,
        train_dataloader__persistent_workers=True,
        train_dataloader__batch_sampler__iters_per_epoch=500)
    cfg.dump(tmp_path / 'config.py')
    process = subprocess.Popen(
        [sys.executable, TRAIN, tmp_path / 'config.py', '--work-dir',
         tmp_path / 'run'],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True)
    timer = threading.Timer(300, process.kill)
    timer.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if '[1][  3/500]' in line:
            os.killpg(process.pid, signal.SIGTERM)
    timer.cancel()
    output = ''.join(lines)
    assert process.wait() == 143, output[-3000:]
    assert 'Go on with --resume' in output and 'Traceback' not in output
    assert 'iter_' in latest_checkpoint(tmp_path / 'run')


def two_processes(config, work_dir, *args):
    return subprocess.run(
        ['bash', ROOT / 'tools' / 'dist_train.sh', config, '2', '--work-dir',
         work_dir, *args],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=300)


def test_a_signal_to_one_of_two_processes_stops_both(toy, tmp_path):
    cfg = domainmix_config(toy)
    # Rounding would be magnified else.
    cfg.custom_imports = dict(imports=['tests.float64', 'tests.signal_at'])
    cfg.train_dataloader.batch_size = 8
    cfg.dump(tmp_path / 'whole.py')
    cfg.custom_hooks = [dict(type='SignalAt', iteration=6, rank=1)]
    cfg.dump(tmp_path / 'stopped.py')
    whole = two_processes(tmp_path / 'whole.py', tmp_path / 'whole')
    assert whole.returncode == 0, whole.stdout[-3000:]
    stopped = two_processes(tmp_path / 'stopped.py', tmp_path / 'run')
    assert stopped.returncode != 0
    assert stopped.stdout.count('exitcode  : 143') == 2, stopped.stdout[-3000:]
    assert latest_checkpoint(tmp_path / 'run').endswith('iter_6.pth')
    rest = two_processes(tmp_path / 'whole.py', tmp_path / 'run', '--resume')
    assert rest.returncode == 0, rest.stdout[-3000:]
    expected, found = losses(tmp_path / 'whole'), losses(tmp_path / 'run')
    assert expected.keys() == found.keys() == set(range(1, 13))
    for step, row in expected.items():
        assert found[step] == pytest.approx(row, rel=1e-9), step
    a, b = (checkpoint(tmp_path / name, EPOCHS)['state_dict']
            for name in ('whole', 'run'))
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, rtol=1e-9, atol=1e-12)
