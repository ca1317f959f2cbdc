"""Each file is of one project and never of two."""

import pytest
import torch

from mmreidmix.public_weights import FAMILIES, convert, families_of
from tests.test_public_weights.resnets import resnet, torchvision
from tests.test_public_weights.test_clip_reid import ClipReID
from tests.test_public_weights.test_fastreid import FastReID
from tests.test_public_weights.test_pass_reid import PASS, PartViT
from tests.test_public_weights.test_resnet_projects import (
    BAU,
    POOL,
    RELU,
    Numbered,
    StrongBaseline,
)
from tests.test_public_weights.test_solider import Solider, Swin
from tests.test_public_weights.test_torchreid import OSNet
from tests.test_public_weights.test_transreid import BAUViT, TransReID
from tests.test_public_weights.vits import ViT


def with_classifier():
    net = resnet(18)
    net.classifier = torch.nn.Linear(512, 4)
    return net


NETWORKS = {
    'torchreid': lambda: OSNet(0.25, 'ain'),
    'torchreid-resnet': with_classifier,
    'fast-reid': lambda: FastReID(gem=True, non_local=(0, 1, 1, 0)),
    'fast-reid-embedding': lambda: FastReID(embedding=8),
    'reid-strong-baseline': StrongBaseline,
    'spcl': lambda: Numbered(RELU, POOL),
    'mmt': lambda: Numbered(POOL),
    'bau': BAU,
    'torchvision': lambda: resnet(18),
    'ibn-net': lambda: resnet(18, True),
    'torchvision-mobilenet': lambda: torchvision.models.mobilenet_v2(
        weights=None),
    'transreid': lambda: TransReID(parts=True),
    'transreid-ssl': lambda: ViT(stem=True),
    'bau-vit': BAUViT,
    'pass': PASS,
    'pass-pretrained': PartViT,
    'clip-reid': ClipReID,
    'solider-reid': Solider,
    'solider': Swin,
    'dino': ViT,
    'timm-vit': ViT,
    'oml': ViT,
    'oml-resnet': lambda: resnet(18),
}
#: Files with the same keys, which the user has to tell apart.
ALIKE = (('dino', 'timm-vit', 'oml'), ('torchvision', 'oml-resnet'))


def test_every_family_has_an_example():
    assert set(NETWORKS) == {family.name for family in FAMILIES}


@pytest.mark.parametrize('name', NETWORKS)
def test_one_family_and_no_other(name):
    with torch.device('meta'):
        state = NETWORKS[name]().state_dict()
    alike = next((names for names in ALIKE if name in names), (name, ))
    assert [family.name for family in families_of(state)] == [*alike]


def test_what_stands_beside_the_network_must_be_known():
    with torch.device('meta'):
        state = {f'encoder_q.{key}': value
                 for key, value in resnet(18).state_dict().items()}
        state['queue'] = torch.zeros(2, 4)
        found = convert(state)
        assert found.source == 'torchvision'
        assert found.dropped == ['queue']
        assert "below 'encoder_q.'" in found.place
        state['adapter.weight'] = torch.zeros(2)
    with pytest.raises(ValueError, match='of any project.*adapter.weight'):
        convert(state)
