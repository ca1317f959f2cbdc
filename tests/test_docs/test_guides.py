"""The guides do what they say: their files and commands, on tiny data."""

import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.tiny import ROOT, environment
from tests.tiny_model import training_batch

GUIDES = ROOT / 'docs' / 'en' / 'advanced_guides'
BLOCK = re.compile(r'```(\w+)\n(.*?)```', re.DOTALL)
FILE = re.compile(r'# (my_project/\w+\.py)\n')


def files_of(guide: str) -> dict:
    """Files that a guide has the reader write: name -> text."""
    text = (GUIDES / guide).read_text(encoding='utf-8')
    blocks = [body for kind, body in BLOCK.findall(text) if kind == 'python']
    return {FILE.match(body)[1]: body for body in blocks if FILE.match(body)}


def commands_of(guide: str) -> list:
    """Command lines of a guide."""
    text = (GUIDES / guide).read_text(encoding='utf-8')
    return [
        line for kind, body in BLOCK.findall(text) if kind == 'bash'
        for line in body.splitlines() if 'tools/' in line
    ]


@pytest.fixture
def place(toy, tmp_path):
    """A folder with configs, tools and tiny toy data, as a user has it."""
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)
    data = tmp_path / 'data' / 'toy'
    data.mkdir(parents=True)
    for name in ('synthetic', 'real_a', 'unseen'):
        (data / name).symlink_to(toy / name)
    return tmp_path


def run(place: Path, command: str, *options) -> str:
    """Run a command of a guide, shortened by options."""
    config = re.search(r'my_project/(\w+)\.py', command)[1]
    work_dir = place / 'work_dirs' / config
    return shell(
        place, command, '--work-dir', work_dir, '--cfg-options',
        'train_cfg.max_epochs=2', 'train_cfg.val_interval=2',
        'train_dataloader.batch_size=16',
        'train_dataloader.batch_sampler.iters_per_epoch=2',
        'default_hooks.logger.interval=1',
        'default_hooks.pseudo_labels.begin=1', *options)


def shell(place: Path, command: str, *arguments) -> str:
    """Run a command of a guide with more arguments."""
    words = command.split()
    assert words.pop(0) == 'PYTHONPATH=.'
    assert words.pop(0) == 'python'
    env = environment()
    env['PYTHONPATH'] = os.pathsep.join([str(place), env['PYTHONPATH']])
    result = subprocess.run(
        [sys.executable, *words, *arguments], cwd=place, env=env,
        capture_output=True, text=True)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    return result.stdout + result.stderr


def write(place: Path, guide: str) -> dict:
    files = files_of(guide)
    for name, text in files.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return files


#: A few images of a few people: short lists, small clusters.
SMALL = ('default_hooks.pseudo_labels.clustering.k1=6',
         'default_hooks.pseudo_labels.clustering.min_samples=2',
         'default_hooks.pseudo_labels.clustering.min_size=2')


def write_videos(root: Path) -> None:
    """Two videos of three people, under the names of the toy videos."""
    rng = np.random.default_rng(0)
    for video in ('v0', 'v1'):
        (root / video).mkdir(parents=True)
        for person in range(3):
            colour = rng.integers(256, size=3)
            for frame in range(4):
                image = np.clip(
                    colour + rng.integers(20, size=(32, 16, 3)), 0, 255)
                name = f'p{person}_t0_{frame:03d}.jpg'
                assert cv2.imwrite(
                    str(root / video / name), image.astype(np.uint8))


def test_a_loss(place):
    files = write(place, 'add_a_loss.md')
    assert len(files) == 5
    write_videos(place / 'data' / 'toy' / 'videos')
    _, domainmix, remix, short = commands_of('add_a_loss.md')
    assert short.startswith(domainmix)
    output = run(
        place, domainmix, *SMALL, 'default_hooks.phases.phases.1.begin=1')
    assert 'loss_spread' in output and 'loss_id' in output
    output = run(place, remix)
    assert 'loss_spread' in output and 'loss_instance' in output
    contrast = domainmix.replace('domainmix_spread', 'domainmix_contrast')
    output = run(place, contrast, *SMALL)
    assert 'loss_contrast' in output and 'Memory of' in output


def test_the_test_of_a_loss(place, monkeypatch):
    write(place, 'add_a_loss.md')
    text = (GUIDES / 'add_a_loss.md').read_text(encoding='utf-8')
    code = re.search(r'```python\n(# tests/.*?)```', text, re.DOTALL)[1]
    kind = runpy.run_path(str(place / 'my_project' / 'spread_loss.py'))
    monkeypatch.setattr('mmreidmix.models.losses.SpreadLoss',
                        kind['SpreadLoss'], raising=False)
    names: dict = {}
    exec(code, names)
    names['test_spread_is_the_mean_squared_distance_from_the_mean']()
    monkeypatch.setattr('mmreidmix.models.losses.SpreadLoss',
                        lambda: lambda batch: batch.f.sum())
    with pytest.raises(AssertionError):
        exec(code, names)
        names['test_spread_is_the_mean_squared_distance_from_the_mean']()


def test_another_backbone(place):
    assert len(write(place, 'another_backbone.md')) == 1
    command, = commands_of('another_backbone.md')
    output = run(place, command, *SMALL)
    assert 'loss_id' in output
    state = torch.load(
        place / 'work_dirs' / 'domainmix_shufflenet' / 'epoch_2.pth',
        weights_only=True)['state_dict']
    assert state['bnneck.bn.weight'].shape == (1024, )


def test_a_method(place):
    assert len(write(place, 'add_a_method.md')) == 3
    command, = commands_of('add_a_method.md')
    output = run(place, command, *SMALL)
    for name in ('loss_id', 'loss_triplet', 'loss_agreement'):
        assert name in output
    state = torch.load(
        place / 'work_dirs' / 'consistency_toy' / 'epoch_2.pth',
        weights_only=True)
    assert state['state_dict']['momentum_encoder.steps'] == 4
    assert state['label_table']['labels'].max() >= 0


def test_a_memory(place):
    """The memory of the guide, by rows with one image each."""
    write(place, 'add_a_method.md')
    kind = runpy.run_path(str(place / 'my_project' / 'slow_memory.py'))
    memory = kind['SlowMemory'](momentum=0.25)
    assert memory.follow and memory.per_camera
    memory.rebuild([torch.eye(2)], np.array([0, 1]), np.array([0, 0]), 2)
    memory.update(
        torch.eye(2)[:1], torch.tensor([1]), torch.tensor([0]))
    torch.testing.assert_close(memory.means[0], torch.tensor([1., 0.]))
    torch.testing.assert_close(memory.means[1], torch.tensor([0.75, 0.25]))


def test_a_loss_of_a_part(place):
    """The loss of the guide, with unlabelled images and without any."""
    write(place, 'add_a_loss.md')
    kind = runpy.run_path(str(place / 'my_project' / 'norm_loss.py'))
    x = torch.tensor([[3., 4.], [1., 0.], [0., 2.]])
    for labels, wanted in (([0, 1, 2], 2.5), ([0, 0, 0], 0.)):
        batch = training_batch(np.array(labels), b=x, num_labelled=1)
        assert kind['NormLoss']()(batch) == wanted


def test_losses_of_the_library_can_be_added():
    """The table names losses that take a batch and nothing else."""
    from mmreidmix import models
    text = (GUIDES / 'add_a_loss.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| (`\w+Loss`.*?) \|', text, re.M)
    names = [name for row in rows for name in re.findall(r'`(\w+)`', row)]
    assert len(names) == 8
    for name in names:
        forward = inspect.signature(getattr(models, name).forward)
        assert list(forward.parameters) == ['self', 'batch'], name


def test_a_data_set(place, toy):
    assert len(write(place, 'add_a_dataset.md')) == 2
    doors = ('door', 'yard')
    for folder, subset in (('bounding_box_train', 'train'),
                           ('query', 'query'),
                           ('bounding_box_test', 'gallery')):
        target = place / 'data' / 'lobby' / subset
        target.mkdir(parents=True)
        for i, file in enumerate(sorted((toy / 'real_a').glob(
                f'**/{folder}/*.jpg'))):
            pid, camera = re.match(r'(-?\d+)_c(\d)', file.name).groups()
            if int(pid) > 0:
                name = f'{pid}_{doors[int(camera) % 2]}_{i}.jpg'
                (target / name).write_bytes(file.read_bytes())
    train, doctor, test = commands_of('add_a_dataset.md')
    output = run(place, train, *SMALL)
    assert re.search(r'lobby +unlabelled', output)
    assert 'Pseudo labels of lobby' in output and 'lobby/mAP' in output
    output = shell(place, doctor)
    assert 'lobby' in output and '2 cameras' in output
    work_dir = place / 'work_dirs' / 'lobby_toy'
    output = shell(
        place, test.replace('CHECKPOINT', str(work_dir / 'epoch_2.pth')))
    assert 'lobby/mAP' in output


def test_names_in_the_guides_exist():
    """Paths below mmreidmix/ and names in `code` of the architecture."""
    for guide in ('one_training_step.md', 'architecture.md'):
        text = (GUIDES / guide).read_text(encoding='utf-8')
        for path in re.findall(r'`([\w/]+/\w+\.py)`', text):
            assert (ROOT / 'mmreidmix' / path).is_file() or (
                ROOT / path).is_file(), f'{guide}: {path}'


def test_the_table_of_the_batch_is_true():
    from mmreidmix.structures import TrainingBatch
    text = (GUIDES / 'one_training_step.md').read_text(encoding='utf-8')
    table = text[text.index('## What a batch holds'):]
    names = set()
    for line in table.splitlines():
        if line.startswith('| `'):
            names.update(re.findall(r'`(\w+)(?:\(\))?`', line.split('|')[1]))
    assert len(names) >= 14
    for name in names:
        assert hasattr(TrainingBatch, name) or (
            name in TrainingBatch.__dataclass_fields__), name
