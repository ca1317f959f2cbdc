"""Tests of tools/adapt.py."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmreidmix.apis import ReIDInferencer
from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.config_file import read_config
from mmreidmix.registry import MODELS
from mmreidmix.toy import generate
from tests.tiny import ROOT, environment
from tools import adapt
from tools.dataset_converters import import_domain

SMALL = [
    '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
    'train_dataloader.batch_sampler.iters_per_epoch=2',
    'train_dataloader.batch_size=16', 'val_dataloader.batch_size=32',
    *(f'{loader}_dataloader.dataset.pipeline.1.scale=(16,32)'
      for loader in ('train', 'val', 'test')),
    'train_dataloader.dataset.pipeline.3.crop_size=(32,16)',
    'param_scheduler=None', 'default_hooks.pseudo_labels.clustering.eps=0.99',
]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Domains: labelled photos, a street without labels, people to test."""
    root = tmp_path_factory.mktemp('adapt')
    for seed, name in enumerate(('photos', 'street', 'people')):
        generate(root / 'toy' / name, 'market1501', 'real_a', num_ids=8,
                 num_test_ids=1, images_per_camera=3, num_cameras=2,
                 size=(32, 16), workers=1, seed=seed)
    for name, pattern, more in (
            ('photos', '{pid}_c{camid}s{any}',
             ['--datasheet', 'source=drawn', 'keep_until=2020-01-31']),
            ('street', 'none', []),
            ('people', '{pid}_c{camid}s{any}', ['--split', 'all'])):
        import_domain.main([
            str(root / 'toy' / name / 'Market-1501-v15.09.15'
                / 'bounding_box_train'), str(root / name), '--pattern',
            pattern, *more])
    cfg = read_config(adapt.CONFIGS / 'own_data.py', {})
    torch.manual_seed(0)
    model = MODELS.build(dict(cfg.model, init_cfg=None))
    torch.save(dict(state_dict={
        key: value for key, value in model.state_dict().items()
        if key.startswith(('backbone.', 'neck.'))}), root / 'start.pth')
    return root


def config(data, *arguments):
    return adapt.build_config(adapt.parse_args(
        [str(data / 'start.pth'), *arguments]))


def roles(cfg):
    return [(domain['data_root'].rpartition('/')[2], domain['role'])
            for domain in cfg.train_dataloader.dataset.domains]


def test_domains_get_their_roles(data):
    photos, street, people = (
        str(data / name) for name in ('photos', 'street', 'people'))
    cfg = config(data, photos, street, people)
    assert roles(cfg) == [('photos', 'labelled'), ('street', 'unlabelled')]
    assert cfg.model.triplet.type == 'BatchHardTripletLoss'
    assert cfg.model.init_cfg.checkpoint == str(data / 'start.pth')
    assert cfg.train_dataloader.batch_sampler.quotas == dict(
        photos=8, street=8)
    assert [d['data_root'] for d in cfg.val_dataloader.dataset.domains] == [
        photos, people]
    cfg = config(data, photos, '--unlabelled', photos)
    assert roles(cfg) == [('photos', 'unlabelled')]
    assert cfg.model.get('triplet') is None
    assert cfg.default_hooks.start_share.share == 0.85


def test_without_anything_to_test(data):
    cfg = config(data, str(data / 'street'))
    assert not [key for key in cfg if key.startswith('val_')]
    assert 'val_interval' not in cfg.train_cfg
    assert cfg.test_dataloader.dataset.domains == []
    assert cfg.test_dataloader.dataset.pipeline


def test_footage_alone(data, tmp_path, capsys):
    """Nothing to test: numbers of the labels, clusters, a usable model."""
    options = [word for word in SMALL
               if not word.startswith(('val_', 'train_cfg.val_'))]
    adapt.main([str(data / 'start.pth'), str(data / 'street'), '--work-dir',
                str(tmp_path), *options[:-1],
                'default_hooks.pseudo_labels.clustering.type=KMeans',
                'default_hooks.pseudo_labels.clustering._delete_=True',
                'default_hooks.pseudo_labels.clustering.num_clusters=8'])
    text = next(tmp_path.rglob('*.log')).read_text()
    assert 'Pseudo labels of street, epoch 1: images 48, clusters 8' in text
    assert 'start -> end' not in text
    sheet = tmp_path / 'clusters_street.png'
    assert f'clusters of street: {sheet}' in capsys.readouterr().out
    assert sheet.is_file()
    checkpoint = tmp_path / 'epoch_1.pth'
    assert read_checkpoint(checkpoint)['meta']['preprocessing'] == dict(
        input_size=(32, 16))
    picture = next((data / 'toy' / 'people').rglob('*.jpg'))
    assert ReIDInferencer(checkpoint, device='cpu')([picture]).shape == (
        1, 512)
    # the command that the last line names
    end = subprocess.run(
        [sys.executable, 'tools/test.py', tmp_path / 'own_data.py', checkpoint,
         '--domains', data / 'people', '--work-dir', tmp_path / 'test'],
        cwd=ROOT, env=environment(), capture_output=True, text=True,
        check=False)
    assert end.returncode == 0, end.stderr[-2000:]
    assert 'people/mAP' in end.stdout


def test_quotas():
    assert adapt.quotas(['a', 'b', 'c'], 16) == dict(a=6, b=5, c=5)
    with pytest.raises(ValueError, match='17 domains, but a batch has 16'):
        adapt.quotas([str(i) for i in range(17)], 16)


@pytest.mark.parametrize('names, message', [
    (['people'], 'none of the domains has images for training'),
    (['photos', '--unlabelled', 'street'], "--unlabelled: '.*street' is none"),
])
def test_wrong_domains(data, names, message):
    names = [name if name.startswith('--') else str(data / name)
             for name in names]
    with pytest.raises(ValueError, match=message):
        config(data, *names)


def test_what_is_no_domain(data, capsys):
    for folder in (data / 'nowhere', data / 'toy'):
        with pytest.raises(SystemExit):
            config(data, str(folder))
        assert 'no folder that import_domain.py has written' in (
            capsys.readouterr().err)


def test_start_to_end_and_a_sheet_of_clusters(data, tmp_path, capsys):
    adapt.main([
        str(data / 'start.pth'), str(data / 'photos'), str(data / 'street'),
        str(data / 'people'), '--work-dir', str(tmp_path), *SMALL])
    text = next(tmp_path.rglob('*.log')).read_text()
    for name in ('photos', 'people'):
        assert text.count(f'start -> end, {name}: ') == 1
    assert re.search('WARNING - photos train: .* 2020-01-31: delete', text)
    shown = capsys.readouterr().out
    model = tmp_path / 'epoch_1.pth'
    assert f'tools/test.py {tmp_path}/own_data_labelled.py {model} ' in shown
    with pytest.raises(FileExistsError, match='--resume goes on with it'):
        adapt.main([str(data / 'start.pth'), str(data / 'photos'),
                    '--work-dir', str(tmp_path)])
    sheet = tmp_path / 'clusters_street.png'
    assert f'clusters of street: {sheet}' in shown or (
        'street: no clusters' in shown)
    checkpoint = read_checkpoint(tmp_path / 'epoch_1.pth')
    assert checkpoint['meta']['datasheets'] == {
        'photos': {'source': 'drawn', 'keep_until': '2020-01-31'}}
    labels = checkpoint['label_table']['labels']
    assert sheet.is_file() == bool((np.asarray(labels)[-48:] >= 0).any())
