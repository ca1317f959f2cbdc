"""Files of deep-person-reid (torchreid): OSNet and ResNet.

Source: https://github.com/KaiyangZhou/deep-person-reid,
``torchreid/models/{osnet,osnet_ain,resnet}.py``,
``torchreid/utils/torchtools.py`` (the file), ``torchreid/data/transforms.py``
(256 x 128, bilinear, ImageNet statistics).
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
    shape,
)
from .resnet import RESNET_KEYS, resnet_of

_STEM_CHANNELS = 64
_EMBEDDED = 'behind the embedding layer (a fresh BNNeck changes nothing)'
# Of the four streams of a block; osnet_ain.py counts them.
_STREAM = r'(conv[2-4]\.\d)\.conv2\.{}\.layers\.{}\.(.+)'


def _embedding_layer(state: State, channels: int) -> dict:
    """The neck: pooling, and torchreid's ``fc`` where the file has it."""
    if 'neck.fc.weight' not in state:
        return AVERAGE_POOLING
    return dict(
        type='mmpretrain.LinearNeck', in_channels=channels,
        out_channels=shape(state, 'neck.fc.weight', 2)[0], gap_dim=2,
        norm_cfg=dict(type='BN1d'), act_cfg=dict(type='ReLU'))


def _describe_osnet(state: State,
                    size: Optional[tuple[int, int]]) -> Network:
    width = shape(state, 'backbone.conv1.conv.weight', 4)[0] / _STEM_CHANNELS
    kind = None
    if 'backbone.conv4.0.IN.weight' in state:
        kind = 'ain'
    elif 'backbone.conv2.0.IN.weight' in state:
        kind = 'ibn'
    backbone = dict(type='OSNet', width=width)
    if kind:
        backbone['instance_norm'] = kind
    neck = _embedding_layer(
        state, shape(state, 'backbone.conv5.conv.weight', 4)[0])
    return Network(
        f'OSNet{"-" + kind.upper() if kind else ""} x{width}',
        dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size or (256, 128)),
        embedding=_EMBEDDED)


def _describe_resnet(state: State,
                     size: Optional[tuple[int, int]]) -> Network:
    embedded = 'neck.fc.weight' in state
    # resnet50_fc512 leaves the last stride out, resnet50 does not.
    name, backbone = resnet_of(state, last_stride=1 if embedded else 2)
    neck = _embedding_layer(state, 2048)
    return Network(
        name, dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size or (256, 128)),
        embedding=_EMBEDDED if embedded else POOLED)


_FC = {
    r'fc\.0\.(.+)': r'neck.fc.\1',
    r'fc\.1\.(.+)': r'neck.norm.\1',
    r'classifier\..+': None,
}

OSNET = Family(
    'torchreid',
    marks=(r'conv1\.conv\.weight', r'conv5\.conv\.weight'),
    rules={
        _STREAM.format(0, 0): r'backbone.\1.conv2a.\2',
        **{_STREAM.format(i, r'(\d)'): rf'backbone.\1.conv2{name}.\2.\3'
           for i, name in enumerate('abcd') if i},
        r'pool([23])\.0\.(.+)': r'backbone.conv\1.2.0.\2',
        r'(conv[1-5]\..+)': r'backbone.\1',
        **_FC,
    },
    describe=_describe_osnet)

RESNET = Family(
    'torchreid-resnet',
    marks=(r'conv1\.weight', r'layer4\.0\.conv1\.weight',
           r'classifier\.weight'),
    never=(r'fc\.weight', r'.+\.IN\..+'),
    rules={RESNET_KEYS: r'backbone.\1', **_FC},
    describe=_describe_resnet)
