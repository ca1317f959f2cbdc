from datetime import datetime

import pytest

from mmreidmix.report.log_file import read_training_log

from .conftest import LOG


@pytest.fixture
def read(tmp_path):
    def read(text):
        file = tmp_path / 'run.log'
        file.write_bytes(text.encode('utf-8', 'surrogateescape'))
        return read_training_log(file)
    return read


def test_facts(read):
    log = read(LOG)
    assert log.start == datetime(2025, 1, 31, 12)
    assert log.seconds == 3870
    assert (log.name, log.seed, log.resumed) == ('my_mix', '5', None)
    assert log.saved == (2, 'epochs')
    assert log.environment['GPU 0,1'] == 'Some Card'
    assert log.environment['GPU number'] == '2'


def test_lines_without_a_time_belong_to_the_one_before(read):
    texts = [text for _, text in read(LOG).messages]
    mixture, = [t for t in texts if t.startswith('Training mixture:')]
    assert len(mixture.splitlines()) == 4
    assert len(texts) == LOG.count('- mmengine -')


def test_resumed_and_stopped(read):
    text = LOG.partition('Exp name')[0].rpartition('\n')[0]
    log = read(f'{text}\n2025/01/31 12:01:00 - mmengine - INFO - '
               'resumed epoch: 4, iter: 600\n')
    assert (log.name, log.saved, log.resumed) == (None, None, 4)


@pytest.mark.parametrize('text', [
    '', 'no log at all\n', LOG.replace('Checkpoints will be saved to', 'Test')
])
def test_other_logs(read, text):
    assert read(text) is None


def test_bytes_that_are_no_text(read):
    assert read(LOG.replace('Some Card', 'Some \udcff Card')).saved == (
        2, 'epochs')
