"""Weights from files, loaded strictly: what does not fit raises."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
from mmengine.logging import print_log
from mmengine.model import PretrainedInit
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.checks import name_some
from mmreidmix.compat import record_init
from mmreidmix.models.encoder import ENCODER_PARTS
from mmreidmix.registry import WEIGHT_INITIALIZERS


@CheckpointLoader.register_scheme(prefixes='', force=True)
def read_local(filename: str, map_location: Any = None) -> dict:
    """What all of MMEngine reads files of this computer by."""
    return read_checkpoint(filename, map_location)


# Heads may differ from a checkpoint's; a fresh BNNeck changes nothing.
_NEEDED = tuple(f'{part}.' for part in ENCODER_PARTS if part != 'bnneck')


def unwrap_state_dict(checkpoint: Mapping) -> dict[str, Tensor]:
    """Take the weights out of a checkpoint.

    Args:
        checkpoint (Mapping): a state dict, or a dictionary that holds one
            under ``'state_dict'``. The ``module.`` that data parallel
            training puts before every key is left out.

    Raises:
        ValueError: a value is no tensor.
    """
    state = checkpoint.get('state_dict', checkpoint)
    wrong = [key for key, value in state.items() if not torch.is_tensor(value)]
    if wrong:
        raise ValueError(
            'expected a state dict (names -> tensors), alone or under the '
            'key "state_dict"; these values are no tensors: '
            f'{name_some(wrong)}')
    wrapped = all(key.startswith('module.') for key in state)
    return {
        key.removeprefix('module.') if wrapped else key: value
        for key, value in state.items()
    }


def load_pretrained(model: nn.Module,
                    path: str,
                    prefix: str = '',
                    allow_missing: Sequence[str] = (),
                    skip: Sequence[str] = (),
                    map_location: str = 'cpu') -> list[str]:
    """Load weights and raise unless file and model agree.

    Hooks of the model's ``load_state_dict`` run, e.g. MMPretrain's
    resizing of the position embedding of a ViT.

    Args:
        model (nn.Module): the model.
        path (str): file or address of a state dict, alone or under
            ``'state_dict'``; anything MMEngine's ``CheckpointLoader`` reads.
        prefix (str): only keys of this part of the file are used,
            without the prefix: 'backbone' to load into a backbone.
        allow_missing (Sequence[str]): parts of the model, as 'bnneck' or
            'head', that may be absent from the file.
        skip (Sequence[str]): parts of the file, named without the prefix,
            that are not loaded, as 'fc' of a torchvision file.
        map_location (str): where the file's tensors are read to.

    Returns:
        list[str]: keys of the model that the file did not hold.

    Raises:
        FileNotFoundError: no such file.
        ValueError: shapes or keys of file and model differ in another way
            than ``allow_missing`` and ``skip`` allow.
    """
    state = unwrap_state_dict(
        CheckpointLoader.load_checkpoint(path, map_location))
    parts = sorted({key.partition('.')[0] for key in state})
    hint = (f'The file holds the parts {name_some(parts)}; the model expects '
            f'keys like {name_some(model.state_dict(), 3)}. Set `prefix` '
            "('backbone.' loads that part of the file into a backbone), or "
            'convert the file with tools/model_converters/convert_weights.py')
    if prefix:
        prefix = prefix.rstrip('.') + '.'
        state = {
            key[len(prefix):]: value
            for key, value in state.items() if key.startswith(prefix)
        }
    if not state:
        raise ValueError(f'{path}: no key starts with {prefix!r}. {hint}')
    used = {key: v for key, v in state.items() if not _inside(key, skip)}
    missing = _load(model, used, allow_missing, path, hint)
    print_log(
        f'{len(used)} tensors of {path} loaded into {type(model).__name__}, '
        f'{len(state) - len(used)} skipped; not in the file: '
        f'{name_some(missing)}',
        logger='current')
    return missing


def _load(model: nn.Module, state: Mapping[str, Tensor],
          allow_missing: Sequence[str], path: str, hint: str) -> list[str]:
    """Load ``state`` and raise on any other difference than the allowed."""
    name = type(model).__name__
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        problems = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(f'{path} does not fit {name}: '
                         f'{name_some(problems, 3)}. {hint}') from None
    absent = [key for key in missing if not _inside(key, allow_missing)]
    if len(unexpected) == len(state):
        problem = f': none of {len(state)} keys is one of {name}'
    elif unexpected:
        problem = (f' holds keys that {name} does not have: '
                   f'{name_some(unexpected)}. Name the part in `skip` if it '
                   'is not needed')
    elif absent:
        problem = (f' has no weights for these keys of {name}: '
                   f'{name_some(absent)}. Name the part in `allow_missing` '
                   'if that is meant')
    else:
        return list(missing)
    raise ValueError(f'{path}{problem}. {hint}')


def _inside(key: str, parts: Sequence[str]) -> bool:
    """Whether a key belongs to one of the named modules."""
    if isinstance(parts, str):
        raise TypeError(f'expected a list of names, got {parts!r}')
    return any(
        (key + '.').startswith(part.rstrip('.') + '.') for part in parts)


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class StrictPretrained(PretrainedInit):
    """MMEngine's ``Pretrained`` initializer, which raises on a mismatch.

    MMEngine's own only logs a warning when the prefix is wrong, and trains
    from random weights. This one takes its place for everything built in the
    scope ``mmreidmix``. It has the same name because MMEngine
    (``BaseModule.init_weights``: loaded after all children are initialised)
    and MMPretrain (``ResNet``: no zero scale of the residual branches)
    recognise it by that name::

        init_cfg=dict(type='Pretrained', checkpoint='osnet.pth',
                      allow_missing=['bnneck', 'head'])

    Args:
        checkpoint (str): ``path`` of :func:`load_pretrained`, which explains
            the other arguments too.
    """

    def __init__(self,
                 checkpoint: str,
                 prefix: str = '',
                 map_location: str = 'cpu',
                 allow_missing: Sequence[str] = (),
                 skip: Sequence[str] = ()):
        super().__init__(checkpoint, prefix, map_location)
        self.allow_missing = allow_missing
        self.skip = skip

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``."""
        if (getattr(module, 'zero_init_residual', False)
                and isinstance(module.init_cfg, list)):
            raise ValueError(
                f'{type(module).__name__} would set loaded weights to zero '
                'after loading. Give init_cfg as one dict, not a list, or '
                'set zero_init_residual=False')
        load_pretrained(module, self.checkpoint, self.prefix,
                        self.allow_missing, self.skip, self.map_location)
        record_init(module, self._get_init_info())


def check_embedding_weights(model: nn.Module, weights: Mapping[str, Tensor],
                            path: str) -> None:
    """Compare the weights of backbone and neck with those of a file.

    Raises:
        ValueError: weights are absent, differ in shape or are not finite.
    """
    missing = [
        key for key, value in model.state_dict().items()
        if key.startswith(_NEEDED) and not _fits(key, value, weights.get(key))
    ]
    if missing:
        raise ValueError(
            f'{path} does not fit the model: {len(missing)} tensors of '
            'backbone and neck are absent or differ in shape: '
            f'{name_some(missing, 3)}. Use it with the config it was trained '
            'with, or convert it (tools/model_converters)')
    broken = [key for key, value in weights.items()
              if isinstance(value, Tensor) and not value.isfinite().all()]
    if broken:
        raise ValueError(
            f'{path} is of a training that has diverged: {len(broken)} '
            f'tensors hold NaN or infinity: {name_some(broken, 3)}. Use an '
            'earlier checkpoint')


def _fits(key: str, value: Tensor, weight: Optional[Tensor]) -> bool:
    if weight is None:
        return key.endswith('num_batches_tracked')  # not used in a test
    # MMPretrain resizes position embeddings while loading.
    return weight.shape == value.shape or key.endswith('pos_embed')
