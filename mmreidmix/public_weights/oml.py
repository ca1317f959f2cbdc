"""Files of open-metric-learning (OML): DINO's ViTs and torchvision's ResNets.

Source: https://github.com/OML-Team/open-metric-learning,
``oml/models/vit_dino/extractor.py``, ``oml/models/resnet/extractor.py``,
``oml/models/utils.py`` (prefixes), ``oml/transforms/images`` (224 x 224,
ImageNet's statistics, bilinear). The power of its GeM pooling is not in the
file.
"""

from typing import Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    POOLED,
    Family,
    Network,
    Preprocessing,
    State,
)
from .resnet import RESNET_KEYS, resnet_of
from .vit import PLAIN, describe_vit

# Of older and of newer files of its Lightning module.
_PREFIX = ('extractor.model.', 'model.model.')


def _describe_resnet(state: State,
                     size: Optional[tuple[int, int]]) -> Network:
    name, backbone = resnet_of(state, last_stride=2)
    return Network(
        name, dict(backbone=backbone, neck=AVERAGE_POOLING, bnneck=BNNECK),
        Preprocessing(size or (224, 224)), embedding=POOLED,
        notes=('average pooling is assumed (gem_p=None), and the feature '
               'before the last layer (remove_fc=True)', ))


VIT = Family('oml', **PLAIN, prefix=_PREFIX, describe=describe_vit)
RESNET = Family(
    'oml-resnet', prefix=_PREFIX,
    marks=(r'conv1\.weight', r'layer4\.0\.conv1\.weight'),
    never=(r'classifier\..+', r'.+\.IN\..+'),
    rules={RESNET_KEYS: r'backbone.\1', r'fc\..+': None},
    describe=_describe_resnet)
