"""TransReID and what came of it, rebuilt with the projects' names."""

import pytest
import torch
from torch import nn

from tests.test_public_weights.public_file import (
    HALF,
    check_embeddings,
    convert,
    meta_of,
    randomise,
)
from tests.test_public_weights.vits import DIMS, Block, ViT


class TransReID(nn.Module):

    def __init__(self, stride=16, cameras=0, parts=False, **options):
        super().__init__()
        base = self.base = ViT(stride, **options)
        if cameras:
            base.sie_embed = nn.Parameter(torch.zeros(cameras, 1, DIMS))
        base.fc = nn.Linear(DIMS, 10)
        self.bottleneck = nn.BatchNorm1d(DIMS)
        self.classifier = nn.Linear(DIMS, 4, bias=False)
        self.parts = parts
        if parts:
            for name in ('b1', 'b2'):
                setattr(self, name, nn.Sequential(
                    Block(), nn.LayerNorm(DIMS, eps=1e-6)))
            for i in range(1, 5):
                setattr(self, f'bottleneck_{i}', nn.BatchNorm1d(DIMS))
                setattr(self, f'classifier_{i}', nn.Linear(DIMS, 4, False))

    def forward(self, x, camera=0):
        base = self.base
        x = base.positioned(x)
        if hasattr(base, 'sie_embed'):
            x = x + 3.0 * base.sie_embed[camera]
        for block in base.blocks[:-1]:
            x = block(x)
        if not self.parts:
            return base.norm(base.blocks[-1](x))[:, 0]
        count = x.shape[1] - 1
        order = list(range(5, count + 1)) + list(range(1, 5))
        if count % 2:
            order.append(order[-2])
        half = len(order) // 2
        order = [row for pair in zip(order[:half], order[half:])
                 for row in pair]
        features = [self.b1(x)[:, 0]]
        for i in range(4):
            rows = [0, *order[i * (count // 4):(i + 1) * (count // 4)]]
            features.append(self.b2(x[:, rows])[:, 0] / 4)
        return torch.cat(features, 1)


@pytest.mark.parametrize('options, size, said', [
    (dict(), (64, 32), 'every 16'),
    (dict(stride=12), (64, 32), 'every 12'),
    (dict(stem=True), (64, 32), 'every 16'),  # TransReID-SSL
    (dict(cameras=2), (64, 32), 'mean of the 2 of the training'),
    (dict(cameras=2, stride=12, parts=True), (64, 32), '4 parts (JPM)'),
    (dict(parts=True, size=(48, 48)), (48, 48), '4 parts (JPM)'),
])
def test_embeddings(options, size, said, tmp_path, capsys):
    source = randomise(TransReID(**options))
    if 'cameras' in options:  # then the mean is that of each camera
        source.base.sie_embed.data[1] = source.base.sie_embed.data[0]
    path = convert(tmp_path / 'vit_base_120.pth', source.state_dict(),
                   '--input-size', *size)
    check_embeddings(path, source, size, HALF)
    assert said in capsys.readouterr().out
    assert meta_of(path)['source'] == 'transreid'


def test_the_camera_is_the_mean_of_the_training(tmp_path):
    source = randomise(TransReID(cameras=3))
    path = convert(tmp_path / 'a.pth', source.state_dict(), '--input-size',
                   64, 32)
    source.base.sie_embed.data[0] = source.base.sie_embed.data.mean(0)
    check_embeddings(path, source, statistics=HALF)


def test_a_size_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match='8 patches .* 256x128.*by --input'):
        convert(tmp_path / 'a.pth', TransReID().state_dict())


def test_ssl_pretrained(tmp_path):
    source = randomise(ViT(stem=True))
    state = {f'module.backbone.{k}': v for k, v in source.state_dict().items()}
    state['module.head.last_layer.weight_v'] = torch.ones(4, 4)
    content = dict(student={}, teacher=state, epoch=100)
    path = convert(tmp_path / 'vit_small_ics.pth', content, '--input-size',
                   64, 32)
    check_embeddings(path, source)
    assert meta_of(path)['source'] == 'transreid-ssl'


class BAUViT(nn.Module):

    def __init__(self):
        super().__init__()
        self.base = ViT()
        self.base.fc = nn.Linear(DIMS, 10)
        self.bn_neck = nn.BatchNorm1d(DIMS)
        self.classifier = nn.Linear(DIMS, 4, bias=False)

    def forward(self, x):
        return self.bn_neck(self.base(x))


def test_bau(tmp_path):
    source = randomise(BAUViT())
    state = {f'module.{key}': v for key, v in source.state_dict().items()}
    path = convert(tmp_path / 'best.pth', state, '--input-size', 64, 32)
    check_embeddings(path, source)
    meta = meta_of(path)
    assert meta['source'] == 'bau-vit'
    assert meta['preprocessing']['interpolation'] == 'bicubic'
