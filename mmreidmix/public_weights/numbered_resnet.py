"""Files whose ResNet is a row of numbered parts: SpCL and its relatives.

Sources: https://github.com/yxgeee/SpCL ``spcl/models/resnet.py``,
https://github.com/alibaba/cluster-contrast-reid
``clustercontrast/models/resnet.py`` and
https://github.com/WangWenhao0716/DomainMix ``dg/models/resnet.py`` (with a
ReLU: stages are parts 4 to 7); https://github.com/yxgeee/MMT
``mmt/models/resnet.py`` (without: parts 3 to 6); and
https://github.com/yoonkicho/BAU ``bau/models/model.py`` (instance norm
between the stages: parts 4, 6, 8 and 10). All: bicubic by PIL, last stride 1,
unit-length embeddings behind the BNNeck.
"""

from functools import partial
from typing import Any, Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    Family,
    Network,
    Preprocessing,
    State,
    shape,
)
from .resnet import resnet_of


def _describe(state: State, size: Optional[tuple[int, int]],
              **options: Any) -> Network:
    name, backbone = resnet_of(state, **options)
    neck, pooling = dict(AVERAGE_POOLING), 'average'
    if 'neck.p' in state:
        neck = dict(type='mmpretrain.GeneralizedMeanPooling')
        pooling = 'generalised mean'
    if 'neck.fc.weight' in state:  # their option `features`
        out, inner = shape(state, 'neck.fc.weight', 2)
        if 'neck.p' in state:
            raise ValueError('an embedding layer behind generalised mean '
                             'pooling is not known')
        neck = dict(type='mmpretrain.LinearNeck', in_channels=inner,
                    out_channels=out, gap_dim=2, norm_cfg=None)
    return Network(
        name, dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size or (256, 128), 'bicubic'), pooling)


def _rules(*stages: int) -> dict[str, Optional[str]]:
    return {
        r'base\.0\.(.+)': r'backbone.conv1.\1',
        r'base\.1\.(.+)': r'backbone.bn1.\1',
        **{rf'base\.{part}\.(.+)': rf'backbone.layer{i}.\1'
           for i, part in enumerate(stages, 1)},
    }


_HEADS = {
    r'feat\.(.+)': r'neck.fc.\1',
    r'gap\.p': 'neck.p',
    r'feat_bn\.(.+)': r'bnneck.bn.\1',
    r'classifier\w*\..+': None,
}
_STEM = r'base\.0\.weight'

RELU = Family(
    'spcl',
    marks=(_STEM, r'base\.7\.0\.conv1\.weight', r'feat_bn\.running_mean'),
    rules={**_rules(4, 5, 6, 7), **_HEADS},
    describe=_describe)
NO_RELU = Family(
    'mmt',
    marks=(_STEM, r'base\.3\.0\.conv1\.weight', r'feat_bn\.running_mean'),
    rules={**_rules(3, 4, 5, 6), **_HEADS},
    describe=partial(_describe, stem_relu=False))
BAU = Family(
    'bau',
    marks=(_STEM, r'base\.10\.0\.conv1\.weight', r'bn_neck\.running_mean'),
    rules={
        **_rules(4, 6, 8, 10),
        r'base\.11\.p': 'neck.p',
        # A second pooling, of one position: it changes nothing.
        r'pool\.p': None,
        r'bn_neck\.(.+)': r'bnneck.bn.\1',
        r'classifier\w*\..+': None,
    },
    describe=partial(_describe, stage_instance_norm=True))
