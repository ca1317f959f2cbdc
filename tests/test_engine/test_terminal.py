"""What of a run is printed, and what goes to its log file alone."""

import logging
import subprocess
import sys

from mmengine.logging import MMLogger
from mmengine.runner import runner

from mmreidmix.engine.terminal import MOST_LINES, use_terminal
from tests.tiny import TRAIN, environment, tiny_config


def test_long_messages_are_for_the_log_file(tmp_path, capsys):
    file = tmp_path / 'run.log'
    logger = MMLogger.get_instance('long', log_file=str(file))
    for _ in range(2):  # two runs of one second have one logger
        use_terminal(logger)
    text = '\n'.join(['', '----', 'Config:'] + ['key = 1'] * MOST_LINES)
    logger.handle(logging.LogRecord(
        'mmengine', logging.INFO, runner.__file__, 1, text, (), None))
    logger.info('\n'.join(['row'] * 2 * MOST_LINES))  # a table of results
    logger.info('%d images\nof 2 kinds', 7)
    logger.warning('"FileClient" will be deprecated in future.')
    logging.getLogger('mmreidmix.neighbours').info('%d %% after 3 s', 10)
    shown = capsys.readouterr().out
    assert f'Config: {MOST_LINES + 3} lines, in {file}' in shown
    assert 'key = 1' not in shown
    assert shown.count('row') == 2 * MOST_LINES
    assert '7 images\nof 2 kinds' in shown
    assert '10 % after 3 s' in shown
    logged = file.read_text()
    assert logged.count('key = 1') == MOST_LINES
    assert '7 images\nof 2 kinds' in logged and '10 % after 3 s' in logged
    assert 'FileClient' not in shown + logged


def test_a_training_begins_with_one_screen(toy, tmp_path):
    """Also: the compilation of kernels is told, once, and kept on disk."""
    tiny_config(toy, train_cfg__max_epochs=1).dump(tmp_path / 'config.py')
    printed = []
    env = dict(environment(), NUMBA_CACHE_DIR=str(tmp_path / 'kernels'))
    del env['PYTHONWARNINGS']
    for name in ('first', 'second'):
        end = subprocess.run(
            [sys.executable, TRAIN, tmp_path / 'config.py', '--work-dir',
             tmp_path / name],
            env=env,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=300, check=False)
        assert end.returncode == 0, end.stdout[-2000:]
        printed.append(end.stdout)
    start = printed[0].partition('Epoch(train)')[0].splitlines()
    assert len(start) < 40
    assert not [line for line in start if 'deprecated' in line or (
        'MultiScaleDeformableAttention' in line)]
    assert [text.count('compiling kernels') for text in printed] == [1, 0]
    log, = (tmp_path / 'first').glob('*/*.log')
    logged = log.read_text()
    assert 'System environment:\n' in logged and 'clustering=dict(' in logged
