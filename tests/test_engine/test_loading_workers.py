import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader, Dataset

from mmreidmix.engine import loading_workers
from mmreidmix.engine.labelling.feature_extraction import extract_embeddings
from mmreidmix.engine.loading_workers import (
    TIMEOUT,
    prepare_loaders,
    worker_options,
)
from tests.tiny_model import build_model


def test_what_is_filled_in():
    cfg = Config(dict(
        train_dataloader=dict(num_workers=2),
        val_dataloader=dict(num_workers=0, collate_fn=dict(type='own')),
        test_dataloader=dict(num_workers=1, timeout=5)))
    prepare_loaders(cfg)
    stacked = dict(type='stack_images')
    assert cfg.train_dataloader == dict(
        num_workers=2, timeout=TIMEOUT, collate_fn=stacked)
    assert cfg.val_dataloader == dict(
        num_workers=0, collate_fn=dict(type='own'))
    assert cfg.test_dataloader == dict(
        num_workers=1, timeout=5, collate_fn=stacked)
    assert worker_options(0)['timeout'] == 0  # others PyTorch refuses
    prepare_loaders(Config(dict(train_dataloader=None)))


class Hung(Dataset):
    """Its first image never comes."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        torch.multiprocessing.Event().wait()


def test_a_hung_worker_ends_the_work(monkeypatch):
    monkeypatch.setattr(loading_workers, 'TIMEOUT', 1)
    with pytest.raises(RuntimeError, match='timed out after 1 seconds'):
        next(iter(DataLoader(Hung(), **worker_options(1))))
    with pytest.raises(RuntimeError, match='timed out after 1 seconds'):
        extract_embeddings(build_model('ReIDBaseline'), Hung(), num_workers=1)


@pytest.mark.parametrize('allowed, workers, warned', [
    (223, 8, True), (224, 8, False), (64, 0, False), (-1, 8, False)])
def test_a_small_limit_of_file_handles(
        monkeypatch, capsys, allowed, workers, warned):
    monkeypatch.setattr(
        loading_workers.resource, 'getrlimit', lambda kind: (64, allowed))
    loading_workers.check_handles(workers)
    assert (f'8 loading workers may need 224 file handles, but the system '
            f'allows {allowed}' in capsys.readouterr().out) == warned
