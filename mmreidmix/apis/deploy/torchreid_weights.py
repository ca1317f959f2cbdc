"""A model under the names of torchreid, for programs that rebuild its OSNet.

Such programs know the network alone, as deep-person-reid has it: pooling, an
embedding layer, ReLU. Images are normalised by the statistics of ImageNet.
"""

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mmreidmix.apis.images import Preparation
from mmreidmix.apis.public_checkpoint import config_of, load_exactly
from mmreidmix.apis.trained_model import TrainedModel
from mmreidmix.models.backbones import OSNet
from mmreidmix.models.necks import BNNeck
from mmreidmix.public_weights import convert

from .description import DESCRIPTION
from .graph import InputForm, PixelsToEmbedding
from .inference_backends import TorchEncoder

_EMBEDDING_DIM = 512
_WIDTHS = {0.25: 'x0_25', 0.5: 'x0_5', 0.75: 'x0_75', 1.0: 'x1_0'}
#: Names of this project -> those of torchreid; osnet_ain.py counts streams.
_PLAIN = {r'backbone\.(.+)': r'\1', r'neck\.fc\.(.+)': r'fc.0.\1',
          r'neck\.norm\.(.+)': r'fc.1.\1'}
_STREAMS = {'a': (r'conv2a\.(.+)', r'conv2.0.layers.0.\2'),
            **{name: (rf'conv2{name}\.(\d)\.(.+)', rf'conv2.{i}.layers.\2.\3')
               for i, name in enumerate('bcd', 1)}}
_AIN = {r'backbone\.conv([23])\.2\.0\.(.+)': r'pool\1.0.\2',
        **{rf'backbone\.(conv[2-4]\.\d)\.{here}': rf'\1.{there}'
           for here, there in _STREAMS.values()}, **_PLAIN}


def torchreid_weights(trained: TrainedModel) -> tuple[str, dict]:
    """Weights of an OSNet under torchreid's names.

    A BNNeck is none of torchreid's layers. A fresh one changes nothing, one
    that only scales goes into the norm of the embedding layer. One that
    shifts can not, because a ReLU is between them.

    Args:
        trained (TrainedModel): the model.

    Returns:
        tuple[str, dict[str, Tensor]]: name of the network, such as
        'osnet_ain_x0_25', and weights by name.

    Raises:
        ValueError: the model can not be said in these names.
    """
    encoder = trained.model.embedder
    backbone, neck = encoder.backbone, encoder.neck
    if type(backbone) is not OSNet or getattr(encoder, 'attention', None):
        raise _refusal('the network is no OSNet')
    if not _is_embedding_layer(neck):
        raise _refusal('the neck is not average pooling and an embedding '
                       f'layer of {_EMBEDDING_DIM} dimensions, BN and ReLU')
    if not PixelsToEmbedding(trained, InputForm()).of_imagenet:
        raise _refusal('images are normalised by other statistics than those '
                       'of ImageNet')
    ain = backbone.instance_norm == 'ain'
    rules = _AIN if ain else _PLAIN
    state = {}
    for prefix, part in (('backbone', backbone), ('neck', neck)):
        for key, value in part.state_dict(prefix=f'{prefix}.').items():
            state[_renamed(key, rules)] = value.clone(
                memory_format=torch.contiguous_format)
    _fold(encoder.bnneck, state)
    kind = backbone.instance_norm
    middle = f'{kind}_' if kind else ''
    return f'osnet_{middle}{_WIDTHS[backbone.width]}', state


def boxmot_file(trained: TrainedModel) -> tuple[str, bytes]:
    """The content of a ``.pt`` file of BoxMOT, which torchreid reads, too.

    Returns:
        tuple[str, bytes]: name of the network, and the content.

    Raises:
        ValueError: see :func:`torchreid_weights`.

    Source: ``boxmot/reid/core/registry.py``, of 25.0: the keys
    ``model_name``, ``model_kwargs`` and ``preprocess`` of a checkpoint.
    """
    name, state = torchreid_weights(trained)
    width, height = Preparation(trained.pipeline).resize_only()['scale']
    buffer = io.BytesIO()
    torch.save({
        'state_dict': state, 'model_name': name, 'preprocess': 'resize',
        'model_kwargs': dict(img_size=[height, width]),
        DESCRIPTION: json.dumps(trained.description())}, buffer)
    return name, buffer.getvalue()


def roboflow_files(trained: TrainedModel) -> tuple[str, dict[str, bytes]]:
    """The files of a folder that ``reid.ReIDModel`` of Roboflow loads.

    Returns:
        tuple[str, dict[str, bytes]]: name of the network, and contents by
        names of files.

    Raises:
        ModuleNotFoundError: safetensors is missing.
        ValueError: see :func:`torchreid_weights`; or the OSNet has instance
            norm.

    Source: ``reid/catalog.py`` and ``reid/preprocessing.py``, of 0.1.
    """
    try:
        from safetensors.torch import save
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'a folder for Roboflow needs the package safetensors: '
            "pip install '.[export]'") from error
    name, state = torchreid_weights(trained)
    if trained.model.embedder.backbone.instance_norm:
        raise ValueError(f'Roboflow knows no {name}, only OSNet without '
                         'instance norm; use RoboflowModel of '
                         'mmreidmix.apis.trackers')
    resize = Preparation(trained.pipeline).resize_only()
    statistics = PixelsToEmbedding(trained, InputForm()).statistics()
    config = dict(
        architecture=name,
        preprocessing=dict(
            input_size=resize['scale'][::-1],
            **{key: [value / 255 for value in values]
               for key, values in statistics.items()},
            interpolation=resize.get('interpolation', 'bilinear'),
            to_rgb=True, resize_mode='stretch'),
        **{DESCRIPTION: json.dumps(trained.description())})
    return name, {'weights.safetensors': save(state),
                  'reid_config.json': json.dumps(config, indent=2).encode()}


def embed_as_torchreid(trained: TrainedModel,
                       images: Sequence[np.ndarray]) -> np.ndarray:
    """Embed with the network that is made of the renamed weights.

    Args:
        trained (TrainedModel): the model.
        images (Sequence[np.ndarray]): B prepared images, BGR uint8 (H, W, 3).

    Returns:
        np.ndarray: (B, D) float32 of unit length.

    Raises:
        ValueError: see :func:`torchreid_weights`.
    """
    _, state = torchreid_weights(trained)
    converted = convert(dict(state_dict=state), 'torchreid')
    model = load_exactly(
        config_of(converted.network)['model'], converted.state)
    return TorchEncoder(model, 'cpu', amp=False)(images)


def _refusal(fault: str) -> ValueError:
    return ValueError(
        f'{fault}, so torchreid has no names for it. Export an .onnx file '
        'with --target boxmot; with the trackers of Roboflow use '
        'RoboflowModel of mmreidmix.apis.trackers')


def _is_embedding_layer(neck: Any) -> bool:
    return (getattr(neck, 'out_channels', None) == _EMBEDDING_DIM
            and isinstance(getattr(neck, 'gap', None), nn.AdaptiveAvgPool2d)
            and isinstance(getattr(neck, 'norm', None), nn.BatchNorm1d)
            and isinstance(getattr(neck, 'act', None), nn.ReLU))


def _renamed(key: str, rules: dict[str, str]) -> str:
    for ours, theirs in rules.items():
        if re.fullmatch(ours, key):
            return re.sub(ours, theirs, key)
    raise ValueError(f'no name for {key}')


def _fold(bnneck: nn.Module, state: dict) -> None:
    """Put the scale of a BNNeck into the norm before the ReLU."""
    if type(bnneck) is not BNNeck:
        raise _refusal(f'the model has a {type(bnneck).__name__}')
    bn = bnneck.bn
    scale = bn.weight.double() / (bn.running_var.double() + bn.eps).sqrt()
    shift = bn.bias - bn.running_mean * scale
    if shift.any() or (scale <= 0).any():
        raise _refusal('the BNNeck is trained: it shifts what comes out of '
                       'the ReLU of the embedding layer')
    if (scale == scale[0]).all():
        return  # the length of an embedding counts for nothing
    for key in ('fc.1.weight', 'fc.1.bias'):
        state[key] = (state[key] * scale).to(state[key].dtype)
