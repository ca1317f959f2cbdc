"""DINO, OML and timm; the networks are rebuilt, or timm's own."""

import os
import subprocess
import sys

import pytest
import torch

from mmreidmix.public_weights import convert as convert_state
from tests.test_public_weights.public_file import (
    HALF,
    IMAGENET,
    check_embeddings,
    convert,
    meta_of,
    randomise,
)
from tests.test_public_weights.resnets import torchvision
from tests.test_public_weights.vits import ViT
from tests.tiny import ROOT


@pytest.mark.parametrize('name, statistics, interpolation', [
    ('dino', IMAGENET, 'bicubic'), ('timm-vit', HALF, 'bicubic'),
    ('oml', IMAGENET, 'bilinear')])
def test_plain_vit(name, statistics, interpolation, tmp_path):
    source = randomise(ViT(size=(64, 64)))
    state = dict(source.state_dict(), **{'head.weight': torch.ones(4, 128)})
    if name == 'oml':
        del state['head.weight']
    path = convert(tmp_path / 'a.pth', state, '--from', name)
    check_embeddings(path, source, (64, 64), statistics)
    meta = meta_of(path)
    assert meta['source'] == name
    assert meta['preprocessing']['interpolation'] == interpolation


def test_keys_of_a_plain_vit_do_not_tell_the_project():
    state = ViT(size=(64, 64)).state_dict()
    with pytest.raises(ValueError, match="projects: 'dino', 'timm-vit'. Name"):
        convert_state(state)
    for prefix in ('extractor.model.', 'model.model.'):  # of OML
        below = {prefix + key: value for key, value in state.items()}
        with pytest.raises(ValueError, match="'timm-vit', 'oml'. Name one"):
            convert_state(dict(state_dict=below))


def test_oml_resnet(tmp_path):
    source = torchvision.models.resnet18(weights=None)
    source.fc = torch.nn.Identity()
    randomise(source)
    state = {f'extractor.model.{k}': v for k, v in source.state_dict().items()}
    state['criterion.weight'] = torch.ones(4, 512)
    content = dict(state_dict=state, epoch=9)
    with pytest.raises(ValueError, match="'torchvision', 'oml-resnet'"):
        convert_state(content)
    path = convert(tmp_path / 'epoch=9.ckpt', content, '--from', 'oml-resnet')
    check_embeddings(path, source, (224, 224))
    assert meta_of(path)['preprocessing']['interpolation'] == 'bilinear'


def test_what_is_no_known_vit_is_refused():
    with torch.device('meta'):
        state = ViT().state_dict()
        with pytest.raises(ValueError, match='by --input-size'):
            convert_state(dict(state), 'dino')
        state['pos_embed'] = torch.zeros(1, 17, 128)
        huge = dict(state, **{'patch_embed.proj.weight': torch.zeros(
            1280, 3, 16, 16)})
        with pytest.raises(ValueError, match='how many heads'):
            convert_state(huge, 'dino')
        with pytest.raises(ValueError, match="'backbone.layers.2.', and none "
                           'of number 1'):
            convert_state({key: value for key, value in state.items()
                           if not key.startswith('blocks.1.')}, 'dino')
        flat = dict(state, pos_embed=torch.zeros(17))
        with pytest.raises(ValueError, match='pos_embed has the shape'):
            convert_state(flat, 'dino')
        del state['blocks.0.attn.qkv.bias']
        with pytest.raises(ValueError, match='biases of its queries'):
            convert_state(state, 'dino')


def test_timm_needs_the_name_of_the_network():
    with pytest.raises(ValueError, match='--from timm needs --architecture'):
        convert_state(ViT().state_dict(), 'timm')
    with pytest.raises(ValueError, match='files of timm, got --from dino'):
        convert_state(ViT().state_dict(), 'dino', architecture='resnet18')


def test_timm_may_be_missing(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'timm', None)
    with pytest.raises(ModuleNotFoundError, match='pip install timm'):
        convert_state(ViT().state_dict(), architecture='resnet18')


def test_torchvision_is_imported_for_timm(tmp_path):
    """Where its operators do not load, timm's own import of it fails."""
    (tmp_path / 'timm.py').write_text(
        'import torchvision\n__version__ = "0"\n'
        'def get_pretrained_cfg(*args, **options): raise RuntimeError("no")')
    result = subprocess.run(
        [sys.executable, '-c', 'from mmreidmix.public_weights import convert\n'
         'import torch\nconvert({"a": torch.ones(1)}, architecture="b")'],
        env={**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT}'},
        capture_output=True, text=True)
    assert "ValueError: --architecture 'b' is no network of timm 0: no" in (
        result.stderr)


@pytest.mark.parametrize('architecture, size, statistics', [
    ('resnet18.a1_in1k', (64, 32), IMAGENET),
    ('convnext_atto', (64, 32), IMAGENET),
    ('vit_tiny_patch16_224.augreg_in21k', (224, 224), HALF)])
def test_networks_of_timm(architecture, size, statistics, tmp_path, capsys):
    timm = pytest.importorskip('timm')
    source = randomise(timm.create_model(architecture, pretrained=False))
    path = convert(tmp_path / 'model.pth', dict(model=source.state_dict()),
                   '--architecture', architecture, '--input-size', *size)
    source.reset_classifier(0)
    check_embeddings(path, source, size, statistics)
    meta = meta_of(path)
    assert (meta['source'], meta['architecture']) == (
        'timm', f'{architecture} of timm')
    assert 'timm crops the middle' in capsys.readouterr().out


def test_files_that_timm_does_not_know():
    timm = pytest.importorskip('timm')
    state = timm.create_model('resnet18').state_dict()
    for name in ('resnet18.no_such', 'no_such', 'local-dir:/a', 'hf-hub:a/b'):
        with pytest.raises(ValueError, match='is no network of timm'):
            convert_state(state, architecture=name)
    with pytest.raises(ValueError, match='of these is missing: .*stem.0.wei'):
        convert_state(state, architecture='convnext_atto')
