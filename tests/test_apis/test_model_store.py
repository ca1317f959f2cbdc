import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.model_store import (
    HubAddress,
    hub_address,
    model_file,
    store_model,
)
from tests.tiny import ROOT

TOOL = ROOT / 'tools' / 'model_converters' / 'store_model.py'


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that is a folder; ``calls`` tells what it was asked."""
    calls = []

    class HfApi:

        def create_repo(self, repository, private, exist_ok):
            calls.append((repository, private))
            assert exist_ok

        def upload_folder(self, repo_id, folder_path, commit_message):
            place = tmp_path / 'hub' / repo_id
            place.mkdir(parents=True)
            for file in Path(folder_path).iterdir():
                (place / file.name).write_bytes(file.read_bytes())
            return f'there:{repo_id}'

    def download(repository, name, revision):
        calls.append((repository, name, revision))
        file = tmp_path / 'hub' / repository / name
        if not file.exists():
            raise RuntimeError('404')
        return str(file)

    monkeypatch.setitem(sys.modules, 'huggingface_hub', SimpleNamespace(
        HfApi=HfApi, hf_hub_download=download))
    return calls


def embed(model, pictures):
    return ReIDInferencer(model, device='cpu')(pictures[:3])


def test_a_folder_embeds_as_the_checkpoint(checkpoint, pictures, tmp_path):
    folder = tmp_path / 'models' / 'station'
    assert store_model(checkpoint, folder) == str(folder)
    np.testing.assert_array_equal(
        embed(folder, pictures), embed(checkpoint, pictures))
    assert ReIDInferencer(folder, device='cpu').sha256 in (
        folder / 'README.md').read_text()


def test_what_only_the_training_needs_is_left_out(checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    content['optimizer'] = dict(state=torch.zeros(3))
    content['label_table'] = dict(labels=torch.zeros(3))
    content['state_dict']['id_head.weight'] = torch.zeros(2, 2)
    content['meta']['experiment_name'] = 'secret'
    torch.save(content, tmp_path / 'full.pth')
    store_model(tmp_path / 'full.pth', tmp_path / 'out')
    stored = torch.load(tmp_path / 'out' / 'model.pth', weights_only=True)
    assert set(stored) == {'state_dict', 'meta'}
    assert not any(k.startswith('id_head') for k in stored['state_dict'])
    assert 'experiment_name' not in stored['meta']
    assert stored['meta']['cfg'] == content['meta']['cfg']


def test_the_card(checkpoint, tmp_path):
    store_model(checkpoint, tmp_path / 'out', title='A|b <script>')
    card = (tmp_path / 'out' / 'README.md').read_text()
    assert r'# A\|b \<script\>' in card
    assert '| epochs | 3 |' in card and '| seed | 7 |' in card
    assert f"ReIDInferencer({str(tmp_path / 'out')!r})" in card


@pytest.mark.parametrize('public', [False, True])
def test_to_the_hub_and_back(checkpoint, pictures, hub, public):
    where = store_model(checkpoint, 'hub:me/station', public=public)
    assert where == 'there:me/station'
    assert hub == [('me/station', not public)]
    np.testing.assert_array_equal(
        embed('hub:me/station@v2', pictures), embed(checkpoint, pictures))
    assert hub[-1] == ('me/station', 'model.pth', 'v2')


def test_what_the_hub_does_not_give(checkpoint, hub, monkeypatch):
    with pytest.raises(ConnectionError, match='hub:me/gone: .*404'):
        model_file('hub:me/gone')
    with pytest.raises(ValueError, match='leave out @v1'):
        store_model(checkpoint, 'hub:me/a@v1')
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match=r"pip install '\.\[hub\]'"):
        model_file('hub:me/gone')


def test_addresses():
    assert hub_address('hub:a-b/c.d') == HubAddress('a-b/c.d', None)
    assert hub_address(Path('hub')) is None
    for wrong in ('hub:', 'hub:a', 'hub:a/b/c', 'hub:a/b@', 'hub:../b c'):
        with pytest.raises(ValueError, match='expected hub:OWNER/NAME'):
            hub_address(wrong)


def test_targets_and_checkpoints_that_are_refused(checkpoint, tmp_path):
    with pytest.raises(FileExistsError, match='name a new folder'):
        store_model(checkpoint, tmp_path)
    content = torch.load(checkpoint, weights_only=True)
    del content['meta']['cfg']
    torch.save(content, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='does not carry its config'):
        store_model(tmp_path / 'bare.pth', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    with pytest.raises(FileNotFoundError, match=r'no file .*model\.pth'):
        ReIDInferencer(tmp_path)


def test_the_tool(checkpoint, tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'out'
    assert main([str(checkpoint), str(out), '--title', 'Station']) == 0
    assert f'--model {out}' in capsys.readouterr().out
    assert '# Station' in (out / 'README.md').read_text()
    assert main([str(checkpoint), str(out)]) == 2
