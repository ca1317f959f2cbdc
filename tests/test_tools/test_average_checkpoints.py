"""Tests of tools/model_converters/average_checkpoints.py."""

import hashlib
import json
import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from test_test import CONFIG, config  # noqa: F401

from mmreidmix.apis.trained_model import load_trained_model
from mmreidmix.registry import MODELS
from tests.tiny_checkpoint import write_checkpoint

ROOT = Path(__file__).parents[2]
KEY = 'backbone.conv1.conv.weight'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(
        str(ROOT / 'tools/model_converters/average_checkpoints.py'))


@pytest.fixture
def files(config, tmp_path):  # noqa: F811
    """A start without config, and the end of a training from it."""
    cfg = Config.fromfile(config)
    cfg.model.momentum_encoder = dict(type='MomentumEncoder')
    cfg.model.id_head = dict(type='IdentityHead', max_classes=3)
    end = write_checkpoint(
        tmp_path / 'end.pth', cfg, thresholds=dict(a=1), method_sha256='ab')
    state = torch.load(end, weights_only=True)['state_dict']
    start = {
        key: value + .01 if value.is_floating_point() else value
        for key, value in state.items() if key.startswith('backbone.')
    }
    torch.save(dict(state_dict=start), tmp_path / 'start.pth')
    for key in state:
        if key.startswith('momentum_encoder.backbone.') and (
                key.endswith('weight')):
            state[key] += .05
    content = torch.load(end, weights_only=True)
    torch.save(dict(content, state_dict=state, start=dict(sha256='ef')), end)
    return tmp_path / 'start.pth', end, state


def run(tool, capsys, *arguments):
    status = tool['main']([str(a) for a in arguments])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_half_way_is_read_by_all_that_read_checkpoints(
        tool, files, tmp_path, capsys, config):  # noqa: F811
    start, end, state = files
    out = tmp_path / 'new' / 'half.pth'
    status, text, _ = run(tool, capsys, start, end, '--weights', .25, .75,
                          '--out', out)
    assert status == 0
    assert "its momentum_encoder; left out: 'encoder', 'id_head'" in text
    content = torch.load(out, weights_only=True)
    expected = .25 * (state[KEY] + .01) + .75 * (state[KEY] + .05)
    torch.testing.assert_close(content['state_dict'][KEY], expected)
    meta = content['meta']
    assert content['start'] == dict(sha256='ef')
    assert 'thresholds' not in meta
    assert {k: meta[k] for k in ('epoch', 'seed', 'method_sha256')} == dict(
        epoch=3, seed=7, method_sha256='ab')
    assert meta['averaged'] == [
        dict(file=path.name, weight=weight, encoder=encoder,
             sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        for path, weight, encoder in ((start, .25, 'encoder'),
                                      (end, .75, 'momentum_encoder'))]
    trained = load_trained_model(out)
    torch.testing.assert_close(
        trained.model.momentum_encoder.backbone.conv1.conv.weight, expected)
    test = runpy.run_path(str(ROOT / 'tools' / 'test.py'))['main']
    test([str(config), str(out), '--work-dir', str(tmp_path / 'work')])
    result = json.loads((tmp_path / 'work/results.json').read_text())
    assert result['training_seed'] == 7
    assert result['checkpoint'] == str(out)


def test_config_is_that_of_the_training(tool, files, tmp_path, capsys):
    """Converted weights carry a config too, of network and preparation."""
    start, end, _ = files
    trained = torch.load(end, weights_only=True)
    cfg = Config.fromstring(trained['meta']['cfg'], '.py')
    cfg.train_cfg = dict(max_epochs=3)
    trained['meta']['cfg'] = whole = cfg.pretty_text
    torch.save(trained, end)
    short = Config(dict(model=dict(cfg.model, type='ReIDBaseline'),
                        test_dataloader=cfg.test_dataloader))
    content = torch.load(start, weights_only=True)
    torch.save(dict(content, meta=dict(cfg=short.pretty_text)), start)
    out = tmp_path / 'half.pth'
    assert not run(tool, capsys, start, end, '--out', out)[0]
    assert torch.load(out, weights_only=True)['meta']['cfg'] == whole


def test_encoder_of_the_config_or_of_the_option(tool, files, tmp_path,
                                                capsys):
    start, end, state = files
    out = tmp_path / 'out.pth'
    run(tool, capsys, end, start, '--weights', 1, 0, '--encoder', 'encoder',
        '--out', out)
    weight = torch.load(out, weights_only=True)['state_dict'][KEY]
    assert torch.equal(weight, state[KEY])

    content = torch.load(end, weights_only=True)
    content['meta']['cfg'] += "\nmodel = dict(inference='encoder')"
    torch.save(content, end)
    out.unlink()
    run(tool, capsys, end, start, '--weights', 1, 0, '--out', out)
    weight = torch.load(out, weights_only=True)['state_dict'][KEY]
    assert torch.equal(weight, state[KEY])


def test_soup_of_seeds_names_no_seed(tool, files, tmp_path, capsys):
    _, end, _ = files
    content = torch.load(end, weights_only=True)
    content['meta']['seed'] = 8
    torch.save(content, tmp_path / 'other.pth')
    out = tmp_path / 'soup.pth'
    assert run(tool, capsys, end, tmp_path / 'other.pth', '--out', out)[0] == 0
    meta = torch.load(out, weights_only=True)['meta']
    assert 'seed' not in meta
    assert meta['epoch'] == 3
    assert [row['weight'] for row in meta['averaged']] == [.5, .5]


def test_other_strides_under_the_same_names_are_refused(
        tool, tmp_path, capsys, config):  # noqa: F811
    cfg, files = Config.fromfile(config), []
    for last in (1, 2):
        cfg.model.backbone = dict(
            type='MobileNetV2', widen_factor=.1,
            strides=(1, 2, 2, 2, 1, last, 1))
        cfg.model.bnneck.in_channels = 1280
        assert MODELS.build(cfg.model)
        files.append(write_checkpoint(tmp_path / f'{last}.pth', cfg))
    status, _, error = run(tool, capsys, *files, '--out', tmp_path / 'x.pth')
    assert status == 2
    assert '1.pth and' in error
    assert "trained with another 'model.backbone'" in error
    assert not (tmp_path / 'x.pth').exists()


@pytest.mark.parametrize('arguments, message', [
    (['start.pth', 'end.pth', '--weights', '0.5'], '2 networks and 1 weights'),
    (['start.pth', 'start.pth'], 'named twice'),
    (['start.pth', 'absent.pth'], 'no file'),
    (['end.pth'], 'at least two'),
    (['start.pth', 'end.pth', '--out', 'end.pth'], 'exists'),
    (['start.pth', 'copy.pth', '--encoder', 'momentum_encoder'],
     'none of the checkpoints'),
])
def test_bad_input_is_refused(tool, files, tmp_path, capsys, monkeypatch,
                              arguments, message):
    monkeypatch.chdir(tmp_path)
    Path('copy.pth').write_bytes(Path('start.pth').read_bytes())
    if '--out' not in arguments:
        arguments = [*arguments, '--out', 'x.pth']
    before = files[1].read_bytes()
    status, _, error = run(tool, capsys, *arguments)
    assert status == 2
    assert message in error
    assert not Path('x.pth').exists()
    assert files[1].read_bytes() == before
