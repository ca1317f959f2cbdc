"""OSNet and ResNet of torchreid, rebuilt with that project's names."""

import numpy as np
import pytest
from torch import nn

from mmreidmix.compat import ensure_torchvision
from tests.test_public_weights.public_file import (
    check_embeddings,
    convert,
    meta_of,
    randomise,
)

torchvision = ensure_torchvision()


class Conv(nn.Module):
    """Convolution, normalisation, ReLU where wanted."""

    def __init__(self, inner, outer, size=1, stride=1, norm=nn.BatchNorm2d,
                 relu=True):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, size, stride, size // 2,
                              bias=False)
        self.bn = norm and (norm(outer) if norm is nn.BatchNorm2d
                            else norm(outer, affine=True))
        self.relu = relu

    def forward(self, x):
        x = self.conv(x)
        x = x if self.bn is None else self.bn(x)
        return x.relu() if self.relu else x


class Light(nn.Module):

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels,
                               bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.bn(self.conv2(self.conv1(x))).relu()


class Stream(nn.Module):

    def __init__(self, channels, depth):
        super().__init__()
        self.layers = nn.Sequential(*(Light(channels) for _ in range(depth)))

    def forward(self, x):
        return self.layers(x)


class Gate(nn.Module):

    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x):
        weight = self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu())
        return x * weight.sigmoid()


class Block(nn.Module):
    """``norm`` is None, 'sum' or 'residual'; ``ain`` changes the names."""

    def __init__(self, inner, outer, norm=None, ain=False):
        super().__init__()
        mid = outer // 4
        self.conv1 = Conv(inner, mid)
        if ain:
            self.conv2 = nn.ModuleList(Stream(mid, i + 1) for i in range(4))
        else:
            self.conv2a = Light(mid)
            for i, name in enumerate('bcd', 2):
                setattr(self, f'conv2{name}', nn.Sequential(
                    *(Light(mid) for _ in range(i))))
        self.gate = Gate(mid)
        self.conv3 = Conv(
            mid, outer, norm=None if norm == 'residual' else nn.BatchNorm2d,
            relu=False)
        if inner != outer:
            self.downsample = Conv(inner, outer, relu=False)
        if norm:
            self.IN = nn.InstanceNorm2d(outer, affine=True)
        self.norm, self.ain = norm, ain

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, 'downsample') else x
        x = self.conv1(x)
        streams = self.conv2 if self.ain else (
            self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        x = self.conv3(sum(self.gate(stream(x)) for stream in streams))
        if self.norm == 'residual':
            x = self.IN(x)
        x = x + shortcut
        return (self.IN(x) if self.norm == 'sum' else x).relu()


NORMS = {
    '': [(None, None)] * 3,
    'ibn': [('sum', 'sum'), (None, None), (None, None)],
    'ain': [('residual', 'residual'), (None, 'residual'), ('residual', None)],
}


class OSNet(nn.Module):

    def __init__(self, width, kind=''):
        super().__init__()
        ain = kind == 'ain'
        c = [int(n * width) for n in (64, 256, 384, 512)]
        self.conv1 = Conv(
            3, c[0], 7, 2, norm=nn.InstanceNorm2d if kind else nn.BatchNorm2d)
        self.stages = []
        for i, norms in enumerate(NORMS[kind]):
            blocks = [Block(c[i], c[i + 1], norms[0], ain),
                      Block(c[i + 1], c[i + 1], norms[1], ain)]
            pool = nn.Sequential(Conv(c[i + 1], c[i + 1]), nn.AvgPool2d(2))
            if i < 2 and not ain:
                blocks.append(pool)
            setattr(self, f'conv{i + 2}', nn.Sequential(*blocks))
            self.stages.append(f'conv{i + 2}')
            if i < 2 and ain:
                setattr(self, f'pool{i + 2}', pool)
                self.stages.append(f'pool{i + 2}')
        self.conv5 = Conv(c[3], c[3])
        self.fc = nn.Sequential(
            nn.Linear(c[3], 512), nn.BatchNorm1d(512), nn.ReLU())
        self.classifier = nn.Linear(512, 4)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 3, 2, 1)
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.fc(self.conv5(x).mean((2, 3)))


@pytest.mark.parametrize('width, kind', [
    (0.25, ''), (0.5, ''), (0.75, ''), (1.0, ''), (1.0, 'ibn'),
    (1.0, 'ain'), (0.5, 'ain'), (0.25, 'ain')])
def test_osnet(width, kind, tmp_path, capsys):
    source = randomise(OSNet(width, kind))
    state = {f'module.{key}': v for key, v in source.state_dict().items()}
    path = convert(
        tmp_path / 'model.pth.tar-60',
        dict(state_dict=state, epoch=60, rank1=np.float64(0.5)),
        '--input-size', 64, 32)
    check_embeddings(path, source)
    name = f'OSNet{"-" if kind else ""}{kind.upper()} x{width}'
    assert meta_of(path)['architecture'] == name
    said = capsys.readouterr().out
    assert f'torchreid, {name}, 64x32' in said
    assert "dropped 2: 'classifier.weight', 'classifier.bias'" in said


@pytest.mark.parametrize('embedded', [False, True])
def test_resnet(embedded, tmp_path):
    source = torchvision.models.resnet50(weights=None)
    del source.fc
    if embedded:  # resnet50_fc512
        source.fc = nn.Sequential(
            nn.Linear(2048, 512), nn.BatchNorm1d(512), nn.ReLU())
        source.layer4[0].conv2.stride = (1, 1)
        source.layer4[0].downsample[0].stride = (1, 1)
    source.classifier = nn.Linear(512 if embedded else 2048, 4)
    randomise(source)

    def embed(x):
        x = source.maxpool(source.bn1(source.conv1(x)).relu())
        for i in range(1, 5):
            x = getattr(source, f'layer{i}')(x)
        x = x.mean((2, 3))
        return source.fc(x) if embedded else x

    path = convert(tmp_path / 'resnet.pth', source.state_dict(),
                   '--input-size', 64, 32)
    check_embeddings(path, embed)
    assert meta_of(path)['source'] == 'torchreid-resnet'
