"""Files of reid-strong-baseline: ResNets without ReLU in the stem.

Source: https://github.com/michuanhaohao/reid-strong-baseline,
``modeling/baseline.py``, ``modeling/backbones/{resnet,resnet_ibn_a}.py``,
``config/defaults.py`` (bilinear by PIL). Its IBN networks have the ReLU.
"""

from typing import Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    Family,
    Network,
    Preprocessing,
    State,
)
from .resnet import has_instance_norm, resnet_of


def _describe(state: State, size: Optional[tuple[int, int]]) -> Network:
    options = {} if has_instance_norm(state) else dict(stem_relu=False)
    name, backbone = resnet_of(state, **options)
    return Network(
        name, dict(backbone=backbone, neck=AVERAGE_POOLING, bnneck=BNNECK),
        Preprocessing(size or (256, 128)),
        notes=('last stride 1 is assumed, as its recipes have it', ))


FAMILY = Family(
    'reid-strong-baseline',
    marks=(r'base\.conv1\.weight', r'base\.layer4\.0\.conv1\.weight',
           r'bottleneck\.running_mean'),
    rules={
        r'base\.((?:conv1|bn1|layer[1-4])\..+)': r'backbone.\1',
        r'base\.fc\..+': None,
        r'bottleneck\.(.+)': r'bnneck.bn.\1',
        r'classifier\..+': None,
    },
    describe=_describe)
