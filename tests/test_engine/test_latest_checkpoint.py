import pytest
import torch

from mmreidmix.engine.latest_checkpoint import latest_checkpoint


@pytest.fixture
def work_dir(tmp_path):
    for name in ('epoch_9.pth', 'epoch_10.pth', 'best_epoch_11.pth',
                 'epoch_12.pth.tmp', 'notes.txt'):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize('text, name', [
    ('/elsewhere/run/epoch_9.pth', 'epoch_9.pth'),
    ('C:\\runs\\one\\epoch_9.pth\n', 'epoch_9.pth'),
    ('epoch_9.pth', 'epoch_9.pth'),
    ('', 'epoch_10.pth'),
    ('/elsewhere/run/epo', 'epoch_10.pth'),
    ('/elsewhere/run/epoch_13.pth', 'epoch_10.pth'),
    ('/elsewhere/notes.txt', 'epoch_10.pth'),
    (None, 'epoch_10.pth')])
def test_name_counts_and_then_the_number(work_dir, text, name):
    if text is not None:
        (work_dir / 'last_checkpoint').write_text(text)
    assert latest_checkpoint(work_dir) == str(work_dir / name)


def test_no_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / 'absent') is None


def test_epochs_and_iterations_are_compared(tmp_path):
    for name, done in (('epoch_2', 120), ('iter_90', 90), ('epoch_1', 60)):
        torch.save(dict(meta=dict(iter=done)), tmp_path / f'{name}.pth')
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')
    torch.save(dict(meta=dict(iter=131)), tmp_path / 'iter_131.pth')
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'iter_131.pth')
