"""ResNets of several projects, and torchvision's MobileNetV2."""

import pytest
import torch
from torch import nn

from tests.test_public_weights.public_file import (
    Pooled,
    check_embeddings,
    convert,
    meta_of,
    randomise,
)
from tests.test_public_weights.resnets import (
    generalised_mean,
    resnet,
    stages,
    torchvision,
)


class StrongBaseline(nn.Module):

    def __init__(self, ibn=False):
        super().__init__()
        self.base, self.ibn = resnet(18, ibn), ibn
        self.bottleneck = nn.BatchNorm1d(512)
        self.classifier = nn.Linear(512, 4, bias=False)

    def forward(self, x):
        x = stages(self.base, x, relu=self.ibn)
        return self.bottleneck(x.mean((2, 3)))


@pytest.mark.parametrize('ibn', [False, True])
def test_strong_baseline(ibn, tmp_path):
    source = randomise(StrongBaseline(ibn))
    path = convert(tmp_path / 'resnet_model.pth', source.state_dict(),
                   '--input-size', 64, 32)
    check_embeddings(path, source)
    assert meta_of(path)['source'] == 'reid-strong-baseline'


class Numbered(nn.Module):
    """Conv, BN, then what ``between`` says, then the stages."""

    def __init__(self, *between, features=0, domains=False, ibn=False):
        super().__init__()
        net = resnet(18, ibn)
        self.base = nn.Sequential(
            net.conv1, net.bn1, *between, net.layer1, net.layer2, net.layer3,
            net.layer4)
        if features:
            self.feat = nn.Linear(512, features)
        width = features or 512
        self.feat_bn = nn.BatchNorm1d(width)
        self.classifier = nn.Linear(width, 4, bias=False)
        if domains:
            self.classifier_D = nn.Sequential(
                nn.Linear(width, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))

    def forward(self, x):
        x = self.base(x).mean((2, 3))
        return self.feat_bn(self.feat(x) if hasattr(self, 'feat') else x)


RELU, POOL = nn.ReLU(), nn.MaxPool2d(3, 2, 1)


@pytest.mark.parametrize('between, options, name', [
    ((RELU, POOL), {}, 'spcl'),
    ((RELU, POOL), dict(ibn=True), 'spcl'),
    ((RELU, POOL), dict(features=64), 'spcl'),
    ((POOL, RELU), dict(domains=True), 'spcl'),  # DomainMix
    ((POOL, ), {}, 'mmt'),
])
def test_numbered(between, options, name, tmp_path):
    source = randomise(Numbered(*between, **options))
    state = {f'module.{key}': v for key, v in source.state_dict().items()}
    path = convert(
        tmp_path / 'model_best.pth.tar',
        dict(state_dict=state, epoch=50, best_mAP=0.8), '--input-size', 64,
        32)
    check_embeddings(path, source)
    assert meta_of(path)['source'] == name


class Pool(nn.Module):

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return generalised_mean(x, self.p)[..., None, None]


class BAU(nn.Module):

    def __init__(self):
        super().__init__()
        net = resnet(50)
        self.base = nn.Sequential(
            net.conv1, net.bn1, nn.ReLU(), POOL,
            net.layer1, nn.InstanceNorm2d(256),
            net.layer2, nn.InstanceNorm2d(512),
            net.layer3, nn.InstanceNorm2d(1024), net.layer4, Pool())
        self.pool = Pool()
        self.bn_neck = nn.BatchNorm1d(2048)
        self.classifier = nn.Linear(2048, 4, bias=False)

    def forward(self, x):
        return self.bn_neck(self.pool(self.base(x)).flatten(1))


def test_bau(tmp_path):
    source = randomise(BAU())
    source.base[11].p.data.fill_(2.5)
    source.pool.p.data.fill_(3.5)
    state = {f'module.{key}': v for key, v in source.state_dict().items()}
    path = convert(tmp_path / 'best.pth', state, '--input-size', 64, 32)
    check_embeddings(path, source)
    assert meta_of(path)['preprocessing']['pooling'] == 'generalised mean'


@pytest.mark.parametrize('depth, ibn, name, classifier', [
    (18, False, 'torchvision', True), (50, False, 'torchvision', False),
    (18, True, 'ibn-net', True)])
def test_imagenet(depth, ibn, name, classifier, tmp_path, capsys):
    source = randomise(resnet(depth, ibn))
    state = dict(source.state_dict())
    if classifier:
        state.update({'fc.weight': torch.ones(4, 512),
                      'fc.bias': torch.ones(4)})
    path = convert(tmp_path / 'a.pth', state, '--input-size', 64, 32)
    check_embeddings(path, lambda x: stages(source, x).mean((2, 3)))
    assert meta_of(path)['source'] == name
    assert 'not for re-identification' in capsys.readouterr().out
    # Without --input-size the weights have no native size.
    path = convert(tmp_path / 'b.pth', state)
    assert 'input_size' not in meta_of(path)['preprocessing']


def test_mobilenet(tmp_path):
    source = randomise(torchvision.models.mobilenet_v2(weights=None))
    path = convert(tmp_path / 'a.pth', source.state_dict(), '--input-size',
                   64, 32)
    source.features[14].conv[1][0].stride = (1, 1)  # the last stride
    check_embeddings(path, Pooled(source.features))
    assert meta_of(path)['architecture'] == 'MobileNetV2 x1.0'
