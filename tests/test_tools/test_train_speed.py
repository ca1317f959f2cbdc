"""Tests of tools/benchmarks/train_speed.py."""

import json
import runpy
import subprocess
import sys

import pytest

from tests.tiny import ROOT, environment

TOOL = ROOT / 'tools' / 'benchmarks' / 'train_speed.py'


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))  # as for a script
    return runpy.run_path(str(TOOL))


def test_report(toy, tmp_path):
    """One short round, on the toy data of the session."""
    out = tmp_path / 'new' / 'speed.json'
    result = subprocess.run(
        [sys.executable, TOOL, '--models', 'osnet_x0_25', '--size', '64',
         '32', '--batch-size', '16', '--iters', '2', '--warmup', '1',
         '--rounds', '1', '--threads', '1', '--workers', '0', '--data',
         toy / 'real_a', '--out', out],
        env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(out.read_text())
    assert report['hardware']['threads'] == 1
    assert report['hardware']['cores'] >= 1
    assert {'python', 'torch', 'mmengine'} <= set(report['versions'])
    assert report['settings'] == dict(
        size=[64, 32], batch_size=16, iters=2, warmup=1, rounds=1,
        workers=0, classes=1000, data=str(toy / 'real_a'))
    formats = report['results']['osnet_x0_25']
    assert list(formats) == ['fp32', 'bf16']
    for figures in formats.values():
        rates = figures['images_per_second']
        assert list(rates) == ['loading', 'plain', 'step', 'loop', 'embed']
        assert all(rate > 0 for rate in rates.values())
        assert figures['rounds'] == {k: [v] for k, v in rates.items()}
        assert figures['ratios']['loop_to_plain'] == pytest.approx(
            rates['loop'] / rates['plain'])
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in result.stdout.splitlines() if line[0] == '|']
    assert cells[0] == [
        '', 'osnet_x0_25 (fp32)', 'osnet_x0_25 (bf16)', 'goal']
    for figure in rates:
        assert [f'{figure}, images/s',
                *(f'{found["images_per_second"][figure]:.1f}'
                  for found in formats.values()), '-'] in cells


def test_ratios_are_medians_of_rounds(tool):
    """The machine runs at half its speed in the second round of three."""
    ratios = tool['ratios_of'](dict(
        loading=[10, 50, 100], step=[20, 10, 20], loop=[9, 9, 18],
        plain=[4, 2, 5]))
    assert ratios == {
        'loop_to_slower': 0.9,  # 9 / 10, 9 / 10, 18 / 20
        'loop_to_plain': 3.6,  # of 2.25, 4.5, 3.6
        'step_to_plain': 5.0,  # of 5, 5, 4
    }


def test_other_size_scales_the_crop(tool):
    from common.training_stages import resized_pipeline
    steps = {step['type']: step for step in resized_pipeline(128, 64)}
    assert steps['Resize']['scale'] == (64, 128)
    crop = steps['mmpretrain.RandomCrop']
    assert (crop['crop_size'], crop['padding']) == ((128, 64), 5)
    assert 'mmpretrain.RandomErasing' in steps


@pytest.mark.parametrize('name', ['r50', 'r50_ibn', 'osnet_x0_25'])
def test_nothing_is_downloaded(tool, name):
    from common.training_stages import model_config
    model = model_config(name)
    assert 'init_cfg' not in model.backbone
    assert model.type == 'ReIDBaseline'
    assert model.id_head.max_classes == 1000
    assert model.channels_last and model.data_preprocessor.channels_last


@pytest.mark.parametrize('option, message', [
    (['--batch-size', '30'], 'multiple of 4, got 30'),
    (['--warmup', '0'], '--warmup must be at least 1'),
    (['--models', 'r500'], 'invalid choice'),
])
def test_bad_options(tool, capsys, option, message):
    with pytest.raises(SystemExit):
        tool['parse_args'](option)
    assert message in capsys.readouterr().err
