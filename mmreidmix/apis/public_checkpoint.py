"""A checkpoint of another project as one of this project."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.checks import name_some
from mmreidmix.models.weights import check_embedding_weights
from mmreidmix.public_weights import Converted, Network, convert
from mmreidmix.registry import MODELS


def convert_file(path: Path,
                 source: Optional[str] = None,
                 size: Optional[Sequence[int]] = None,
                 prefix: Optional[str] = None,
                 architecture: Optional[str] = None
                 ) -> tuple[dict, Converted]:
    """Read a file of another project and make a checkpoint of it.

    The model is built from the config that the checkpoint carries, and takes
    its weights with no key missing, left over or of another shape.

    Args:
        path (Path): the file.
        source (str, optional): of
            :data:`mmreidmix.public_weights.SOURCES`; None: as its keys say.
        size (Sequence[int], optional): height and width in place of the
            project's.
        prefix (str, optional): the part of the file that is the network.
        architecture (str, optional): name of the network in timm, for files
            of timm.

    Returns:
        tuple[dict, Converted]: ``state_dict`` and ``meta``, which has the
        config as ``cfg`` and 'source' and 'preprocessing'; and what was
        recognised.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: safetensors or timm is missing, for their files.
        ValueError: it can not be read, is of no known project, or its
            weights are not those of the network it seems to be.
    """
    content = read_public_file(path)
    if isinstance(content.get('meta'), Mapping) and 'cfg' in content['meta']:
        raise ValueError(f'{path} carries a config (meta.cfg), as checkpoints '
                         'of this project do: use it as it is')
    try:
        converted = convert(
            content, source, tuple(size) if size else None, prefix,
            architecture)
        cfg = config_of(converted.network)
        load_exactly(cfg['model'], converted.state)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    meta = dict(
        cfg=Config(cfg).pretty_text,
        source=converted.source,
        architecture=converted.network.architecture,
        preprocessing=preprocessing_of(converted.network))
    return dict(state_dict=converted.state, meta=meta), converted


def read_public_file(path: Path) -> dict:
    """Content of a file of PyTorch or safetensors.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: safetensors is missing.
        ValueError: it is of another kind, or can not be read.
    """
    suffix = path.suffix.lower()
    if suffix == '.onnx' and path.is_file():
        raise ValueError(
            f'{path} is an ONNX model, a finished graph: there are no weights '
            'with names to convert. ReIDInferencer runs it if this project '
            'exported it; else convert the checkpoint that it was made of')
    if suffix != '.safetensors' or not path.is_file():
        return read_checkpoint(path)
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{path} needs the package safetensors: pip install '
            'safetensors') from error
    try:
        return load_file(path)
    except Exception as error:  # its errors have no public base
        raise ValueError(f'{path} can not be read as safetensors: '
                         f'{error}') from None


def config_of(network: Network) -> dict:
    """The config that inference, export and galleries need."""
    preprocessing = network.preprocessing
    return dict(
        model=dict(
            type='ReIDBaseline',
            data_preprocessor=preprocessing.data_preprocessor(),
            **network.encoder),
        test_dataloader=dict(dataset=dict(pipeline=preprocessing.pipeline())))


def preprocessing_of(network: Network) -> dict[str, Any]:
    """What ``meta.preprocessing`` says; plain values."""
    own = network.preprocessing
    found = dict(
        mean=list(own.mean), std=list(own.std), channel_order='rgb',
        interpolation=own.interpolation, backend='pillow',
        pooling=network.pooling, embedding=network.embedding,
        unit_length=True)
    if own.native:  # the size at which "doing nothing" is tested
        found['input_size'] = own.size
    return found


def load_exactly(cfg: Mapping, state: Mapping) -> nn.Module:
    """Build a model and load weights that fit without exception.

    A BNNeck of which the file has nothing stays fresh; counters of batches
    are not needed.

    Raises:
        ValueError: a key is missing, left over or of another shape, or whole
            numbers stand for fractions or the reverse.
    """
    init_default_scope('mmreidmix')
    model = MODELS.build(cfg)
    own = model.state_dict()
    fresh = not any(key.startswith('bnneck.') for key in state)
    missing = [key for key in own if key not in state
               and not key.endswith('num_batches_tracked')
               and not (fresh and key.startswith('bnneck.'))]
    left = [key for key in state if key not in own]
    shapes = [
        f'{key} {tuple(state[key].shape)} and not {tuple(value.shape)}'
        for key, value in own.items()
        if key in state and state[key].shape != value.shape
    ]
    kinds = [
        f'{key} {state[key].dtype} and not {value.dtype}'
        for key, value in own.items()
        if key in state and not key.endswith('num_batches_tracked') and (
            state[key].is_floating_point() != value.is_floating_point())
    ]
    if missing or left or shapes or kinds:
        raise ValueError(
            'the weights are not those of the network that the keys name '
            f'({cfg["backbone"]}): missing: {name_some(missing, 3)}; left '
            f'over: {name_some(left, 3)}; of another shape: '
            f'{name_some(shapes, 3)}; of another type: {name_some(kinds, 3)}')
    check_embedding_weights(model, state, 'the file')
    model.load_state_dict(state, strict=False)
    return model.eval()
