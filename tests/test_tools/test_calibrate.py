"""Tests of tools/analysis_tools/calibrate.py."""

import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from test_test import CONFIG, config  # noqa: F401

ROOT = Path(__file__).parents[2]
VALIDATION = '''
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='RetrievalDataset',
        domains=[dict(type='PKUReid', data_root='{folder}/a'),
                 dict(type='PKUReid', data_root='{folder}/b', name='shop')],
        pipeline=[dict(type='LoadReIDImage'),
                  dict(type='Resize', scale=(16, 32)),
                  dict(type='PackReIDInputs')]))
val_evaluator = dict(type='ReIDMetric')
val_cfg = dict()
'''


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(
        str(ROOT / 'tools' / 'analysis_tools' / 'calibrate.py'))


@pytest.fixture
def files(config, tmp_path):  # noqa: F811
    """A config with two validation domains and a checkpoint for it."""
    config.write_text(CONFIG.format(root=ROOT, folder=tmp_path)
                      + VALIDATION.format(folder=tmp_path))
    cfg = Config.fromfile(config)
    cfg.work_dir = str(tmp_path / 'work')
    model = Runner.from_cfg(cfg).model
    file = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': model.state_dict(),
                'meta': {'epoch': 1, 'seed': 5}}, file)
    return str(config), str(file), ['--work-dir', cfg.work_dir]


def test_thresholds_are_in_the_checkpoint(tool, files, tmp_path, capsys):
    config, checkpoint, work = files  # noqa: F811
    before = Path(checkpoint).read_bytes()
    out = tmp_path / 'new' / 'calibrated.pth'
    tool['main']([config, checkpoint, '--domain', 'shop', '--fmr', '0.5',
                  '0.001', '--resamples', '20', '--out', str(out), *work])
    text = capsys.readouterr().out
    assert Path(checkpoint).read_bytes() == before
    content = torch.load(out, weights_only=True)
    assert content['meta']['seed'] == 5
    found = content['meta']['thresholds']
    assert found['domain'] == 'shop' and found['people'] == 4
    assert found['seen_in_training'] == 'no'
    first, second = found['thresholds']
    assert (first['fmr'], second['fmr']) == (.5, .001)
    assert -1 <= first['threshold'] <= second['threshold']
    assert not second['supported']
    assert 'shop (official; this data set in training: no): 4 people' in text
    assert f'cosine {first["threshold"]:.4f} (95 % interval' in text
    assert 'too few impostor pairs' in text

    tool['main']([config, checkpoint, '--domain', 'shop', '--fmr', '0.5',
                  '--resamples', '20', *work])
    inplace = torch.load(checkpoint, weights_only=True)
    assert inplace['meta']['thresholds']['thresholds'] == [first]
    assert inplace['state_dict'].keys() == content['state_dict'].keys()
    assert not list(tmp_path.glob('*.part'))


def test_domain_must_be_named(tool, files, capsys):
    config, checkpoint, work = files  # noqa: F811
    for options in ([], ['--domain', 'street']):
        args = tool['parse_args']([config, checkpoint, *options])
        with pytest.raises(ValueError, match=r"\['pku-reid', 'shop'\]"):
            tool['build_config'](args)
        assert tool['main']([config, checkpoint, *options]) == 2
        assert 'calibrate: ' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool['parse_args']([config, checkpoint + 'x'])
    assert 'there is no file' in capsys.readouterr().err
