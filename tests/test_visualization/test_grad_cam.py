import copy
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.model import BaseModule
from PIL import Image

from mmreidmix.models.encoder import encode
from mmreidmix.registry import MODELS, TRANSFORMS
from mmreidmix.visualization.grad_cam import activation_maps, explain
from tests.tiny_checkpoint import write_checkpoint
from tests.tiny_model import WIDTH, batch, build_model

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/visualization/activation_maps.py'
ATTENTION = dict(type='DAAMNeck', in_channels=WIDTH)


def make(kind='ReIDBaseline', **options):
    """A model with a bias and running statistics that matter."""
    model = build_model(kind, **options).eval()
    generator = torch.Generator().manual_seed(1)
    for bn in (m for m in model.bnneck.modules()
               if isinstance(m, nn.BatchNorm1d)):
        bn.running_mean.normal_(std=50, generator=generator)
        bn.running_var.uniform_(0.5, 2, generator=generator)
    return model


def images(model, num=3):
    return model.data_preprocessor(batch(range(num)), False)['inputs']


def split_of_the_embedding(model, inputs, g):
    """Share of each place in b g, for mean pooling and an affine BNNeck."""
    with torch.no_grad():
        features = model.backbone(inputs)[-1]
        places = features.flatten(2).transpose(1, 2)  # (B, h w, C)
        nothing = model.bnneck(torch.zeros(1, WIDTH))
        shares = [
            ((model.bnneck(rows) - nothing) * direction).sum(1)
            for rows, direction in zip(places, g)
        ]
    return torch.stack(shares).view(-1, *features.shape[2:])


def test_the_map_splits_the_length_of_the_embedding():
    model = make()
    inputs = images(model)
    with torch.no_grad():
        g = F.normalize(encode(model, inputs).b)
    shares = split_of_the_embedding(model, inputs, g)
    found = activation_maps(model, inputs)
    assert list(found) == ['grad-cam']
    expected = shares.relu() / shares[0].numel()
    assert (expected > 0).any() and (shares < 0).any()
    np.testing.assert_allclose(
        found['grad-cam'], expected, rtol=1e-4, atol=1e-6)


def test_the_map_splits_the_similarity_to_another_image():
    model = make()
    inputs = images(model)
    reference = model.embed(images(model, 4))[3].detach()
    shares = split_of_the_embedding(model, inputs, reference.expand(3, -1))
    found = activation_maps(model, inputs, reference)['grad-cam']
    np.testing.assert_allclose(
        found, shares.relu() / shares[0].numel(), rtol=1e-4, atol=1e-6)
    own = activation_maps(model, inputs)['grad-cam']
    assert not np.allclose(found, own)


def test_images_do_not_depend_on_each_other():
    model = make(attention=ATTENTION)
    inputs = images(model)
    together = activation_maps(model, inputs)
    for i in range(3):
        alone = activation_maps(model, inputs[i:i + 1])
        for name in together:
            np.testing.assert_allclose(
                together[name][i], alone[name][0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('after', [None, 'conv'])
def test_attention_is_the_mean_over_channels(after):
    model = make(attention=dict(ATTENTION, after=after))
    inputs = images(model)
    found = activation_maps(model, inputs)
    last = encode(model.eval(), inputs).attended
    whole = (last.spatial * last.channel).mean(1).detach()
    np.testing.assert_allclose(found['attention'], whole, rtol=1e-5)
    assert found['grad-cam'].shape == found['attention'].shape
    assert found['grad-cam'].max() > 0


@pytest.mark.parametrize('training', [True, False])
def test_the_model_is_left_as_it_was(training):
    model = make(attention=ATTENTION).train(training)
    weights = copy.deepcopy(model.state_dict())
    inputs = images(model)
    activation_maps(model, inputs)
    assert model.training is training
    assert model.backbone.training is training
    assert all(p.grad is None for p in model.parameters())
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights[key]), key
    assert not model.backbone._forward_hooks


def test_the_momentum_encoder_is_explained_where_it_embeds():
    model = make('ReMix', momentum=0.5)
    with torch.no_grad():
        for p in model.backbone.parameters():
            p.normal_()
    inputs = images(model)
    found = activation_maps(model, inputs)['grad-cam']
    model.inference = 'encoder'
    assert not np.allclose(found, activation_maps(model, inputs)['grad-cam'])
    model.momentum_encoder.copy_from(model)
    model.inference = 'momentum_encoder'
    same = activation_maps(model, inputs)['grad-cam']
    model.inference = 'encoder'
    np.testing.assert_array_equal(
        same, activation_maps(model, inputs)['grad-cam'])


class Tokens(BaseModule):
    """A backbone that gives a class token."""

    def forward(self, x):
        return (x.mean((2, 3)).repeat(1, 2), )


def test_a_class_token_has_no_map():
    model = make(backbone=dict(type=Tokens), neck=[])
    with pytest.raises(ValueError, match=r'Tokens gave shape \(3, 6\); a '
                       'class token has no places'):
        activation_maps(model, images(model))
    assert not model.backbone._forward_hooks


@pytest.mark.parametrize('backbone,channels', [
    (dict(type='OSNet', width=0.25), 128),
    (dict(type='mmpretrain.ResNet', depth=18, base_channels=16,
          stem_channels=16, strides=(1, 2, 2, 1)), 128),
])
def test_backbones_of_the_toolbox(backbone, channels):
    model = MODELS.build(
        dict(
            type='ReIDBaseline',
            backbone=backbone,
            neck=dict(type='mmpretrain.GlobalAveragePooling'),
            bnneck=dict(type='BNNeck', in_channels=channels)))
    found = activation_maps(model, torch.rand(2, 3, 64, 32))['grad-cam']
    assert found.shape == (2, 4, 2)
    assert np.isfinite(found).all() and (found >= 0).all()


@pytest.fixture
def files(tmp_path):
    """Three images of noise, of which the last is red."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / 'images' / f'{i}_person.png' for i in range(3)]
    paths[0].parent.mkdir()
    for path in paths:
        image = rng.integers(0, 256, (32, 16, 3), np.uint8)
        if path == paths[2]:
            image[:] = (0, 0, 255)
        cv2.imwrite(str(path), image)
    return paths


PIPELINE = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(16, 32)),
    dict(type='PackReIDInputs')
]


def test_explain_gives_images_as_the_model_sees_them(files):
    model = make()
    pipeline = Compose([TRANSFORMS.build(t) for t in PIPELINE])
    shown, maps = explain(model, pipeline, files)
    assert [image.shape for image in shown] == [(32, 16, 3)] * 3
    assert (shown[2] == (255, 0, 0)).all()  # RGB
    assert maps['grad-cam'].shape[0] == 3
    own, _ = explain(model, pipeline, files, files[0])
    np.testing.assert_array_equal(own, shown)


def test_the_reference_is_the_embedding_of_the_image(files):
    model = make()
    pipeline = Compose([TRANSFORMS.build(t) for t in PIPELINE])
    _, found = explain(model, pipeline, files, files[1])
    samples = [pipeline(dict(
        img_path=str(f), index=0, pid=0, camid=0, tracklet=0, domain=0,
        subset='query')) for f in files]
    inputs = model.data_preprocessor(
        dict(inputs=[s['inputs'] for s in samples]), False)['inputs']
    expected = activation_maps(model, inputs, model.embed(inputs)[1].detach())
    np.testing.assert_allclose(
        found['grad-cam'], expected['grad-cam'], rtol=1e-4, atol=1e-6)


@pytest.fixture
def weights(tmp_path):
    """A checkpoint with its config, and a file of that config alone."""
    cfg = Config(
        dict(
            model=dict(
                type='ReIDBaseline',
                backbone=dict(type='OSNet', width=0.25),
                neck=dict(type='mmpretrain.GlobalAveragePooling'),
                bnneck=dict(type='BNNeck', in_channels=128)),
            test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))
    cfg.dump(tmp_path / 'config.py')
    return write_checkpoint(tmp_path / 'weights.pth', cfg)


def test_tool(files, weights, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    config, folder = tmp_path / 'config.py', files[0].parent
    out = tmp_path / 'new' / 'maps.png'
    main([str(weights), '--images', str(folder), str(files[1]), '--out',
          str(out), '--num', '2', '--to', str(files[0])])
    assert f'activation maps: {out}' in capsys.readouterr().out
    with Image.open(out) as image:
        assert image.size[0] > 4 * 80
    again = tmp_path / 'again.png'
    main([str(config), '--images', str(folder), str(files[1]), '--out',
          str(again), '--num', '2', '--to', str(files[0]), '--weights',
          str(weights)])
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize('arguments, message', [
    (['weights.pth', 'nowhere'], 'nowhere'),
    (['config.py', 'images'], 'config.py is a config file: give'),
    (['nothing.pth', 'images'], 'nothing.pth'),
])
def test_wrong_use_of_the_tool(files, weights, tmp_path, capsys, arguments,
                               message):
    main = runpy.run_path(str(TOOL))['main']
    model, images = [str(tmp_path / name) for name in arguments]
    assert main([model, '--images', images, '--out',
                 str(tmp_path / 'maps.png')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('activation_maps: ') and message in error
    assert not (tmp_path / 'maps.png').exists()


def test_no_images_asked_for(tmp_path):
    main = runpy.run_path(str(TOOL))['main']
    with pytest.raises(SystemExit, match='2'):
        main(['a.pth', '--images', 'b.jpg', '--out', 'maps.png', '--num', '0'])
