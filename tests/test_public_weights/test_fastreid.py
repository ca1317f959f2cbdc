"""Networks of fast-reid, rebuilt with that project's names."""

import pytest
import torch
from torch import nn

from tests.test_public_weights.public_file import (
    check_embeddings,
    convert,
    meta_of,
    randomise,
)
from tests.test_public_weights.resnets import generalised_mean, resnet

CEIL = nn.MaxPool2d(3, 2, ceil_mode=True)


class NonLocal(nn.Module):
    """All pairs of positions, divided by their number."""

    def __init__(self, channels):
        super().__init__()
        for name in ('g', 'theta', 'phi'):
            setattr(self, name, nn.Conv2d(channels, 1, 1))
        self.W = nn.Sequential(nn.Conv2d(1, channels, 1),
                               nn.BatchNorm2d(channels))

    def forward(self, x):
        g, theta, phi = (conv(x).flatten(1)
                         for conv in (self.g, self.theta, self.phi))
        pairs = theta[:, :, None] * phi[:, None]
        y = torch.einsum('bnm,bm->bn', pairs, g) / pairs.shape[-1]
        return x + self.W(y.view(len(x), 1, *x.shape[2:]))


class FastReID(nn.Module):

    def __init__(self, depth=18, ibn=False, non_local=(0, 0, 0, 0),
                 gem=False, embedding=0):
        super().__init__()
        self.backbone = resnet(depth, ibn)
        width = 512 if depth < 50 else 2048
        for i, count in enumerate(non_local, 1):
            setattr(self.backbone, f'NL_{i}', nn.ModuleList(
                NonLocal(width >> (4 - i)) for _ in range(count)))
        self.heads = nn.Module()
        self.heads.pool_layer = nn.Module()
        if gem:
            self.heads.pool_layer.p = nn.Parameter(torch.ones(1))
        neck = [nn.BatchNorm2d(embedding or width)]
        if embedding:
            neck.insert(0, nn.Conv2d(width, embedding, 1, bias=False))
        self.heads.bottleneck = nn.Sequential(*neck)
        self.heads.weight = nn.Parameter(torch.ones(4, embedding or width))
        self.gem = gem

    def forward(self, x):
        net = self.backbone
        x = CEIL(net.bn1(net.conv1(x)).relu())
        for i in range(1, 5):
            blocks, extra = getattr(net, f'layer{i}'), getattr(net, f'NL_{i}')
            for number, block in enumerate(blocks):
                x = block(x)
                behind = number - (len(blocks) - len(extra))
                if behind >= 0:
                    x = extra[behind](x)
        x = generalised_mean(x, self.heads.pool_layer.p) if self.gem else (
            x.mean((2, 3)))
        return self.heads.bottleneck(x[..., None, None])[..., 0, 0]


@pytest.mark.parametrize('options, architecture', [
    (dict(), 'ResNet-18'),
    (dict(gem=True, ibn=True), 'ResNet-18-IBN-a'),
    (dict(gem=True, non_local=(0, 1, 2, 0)),
     'ResNet-18 with non-local blocks'),
    (dict(depth=50), 'ResNet-50'),
    (dict(gem=True, embedding=64), 'ResNet-18'),
    (dict(embedding=64), 'ResNet-18'),
])
def test_embeddings(options, architecture, tmp_path):
    source = randomise(FastReID(**options))
    if options.get('gem'):
        source.heads.pool_layer.p.data.fill_(2.7)
    content = dict(model=source.state_dict(), optimizer={}, iteration=9)
    path = convert(tmp_path / 'model_best.pth', content,
                   '--input-size', 64, 32)
    check_embeddings(path, source)
    meta = meta_of(path)
    assert meta['architecture'] == architecture
    assert meta['source'] == 'fast-reid' + (
        '-embedding' if 'embedding' in options else '')
    assert meta['preprocessing']['interpolation'] == 'bicubic'


def test_statistics_of_older_files_are_taken(tmp_path):
    source = randomise(FastReID())
    state = dict(source.state_dict(),
                 pixel_mean=torch.tensor([127.5] * 3).view(1, 3, 1, 1),
                 pixel_std=torch.tensor([63.75] * 3).view(1, 3, 1, 1))
    path = convert(tmp_path / 'a.pth', dict(model=state), '--input-size', 64,
                   32)
    check_embeddings(path, source, statistics=((0.5, ) * 3, (0.25, ) * 3))


def test_sizes(tmp_path, capsys):
    path = convert(tmp_path / 'sbs.pth', FastReID(gem=True).state_dict())
    assert meta_of(path)['preprocessing']['input_size'] == (384, 128)
    assert 'AGW: --input-size 256 128' in capsys.readouterr().out
    path = convert(tmp_path / 'bot.pth', FastReID().state_dict())
    assert meta_of(path)['preprocessing']['input_size'] == (256, 128)
