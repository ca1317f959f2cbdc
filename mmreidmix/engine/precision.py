"""The number format of a run: what its config asks for."""

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_reduce
from mmengine.runner import Runner

from mmreidmix.checks import check_choice
from mmreidmix.choices import PRECISIONS
from mmreidmix.engine.unwrap import bare_model, single_optim_wrappers
from mmreidmix.precision import bfloat16_is_fast, current_precision


def force_precision(cfg: Config) -> None:
    """Set a config to the number format that its key ``precision`` names.

    'auto', the default, leaves the config as it is: a training with
    ``Bf16OptimWrapper`` and its label stage run in bfloat16 where that is
    faster, validation and test in float32. 'bf16' and 'fp32' are for all of
    them, whatever the device.

    Raises:
        ValueError: no such format, or an optimizer wrapper with a format of
            its own.
    """
    asked = cfg.get('precision', 'auto')
    check_choice('config', PRECISIONS, precision=asked)
    if asked == 'auto':
        return
    bf16 = asked == 'bf16'
    wrapper = cfg.get('optim_wrapper')
    if wrapper:
        _force_wrapper(wrapper, bf16)
    labelling = (cfg.get('default_hooks') or {}).get('pseudo_labels')
    if labelling:
        labelling.pop('bf16', None)  # by default that of the training
    for loop in ('val_cfg', 'test_cfg'):
        if cfg.get(loop) is not None:
            cfg[loop].fp16 = bf16
    if bf16 and torch.cuda.is_available():
        # The loops of MMEngine name no format for their autocast.
        torch.set_autocast_gpu_dtype(torch.bfloat16)


def _force_wrapper(wrapper: Config, bf16: bool) -> None:
    kind = wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'Bf16OptimWrapper'):
        raise ValueError('precision: expected a config with '
                         f'optim_wrapper.type OptimWrapper, got {kind}; '
                         "leave precision at 'auto'")
    wrapper.pop('force', None)
    wrapper.type = 'OptimWrapper'
    if bf16:
        wrapper.update(type='Bf16OptimWrapper', force=True)


def bfloat16_is_fast_everywhere() -> bool:
    """Whether it is on the devices of all processes, which all must ask.

    So they compute in one format where their devices differ.
    """
    fast = torch.tensor(float(bfloat16_is_fast(get_device())))
    all_reduce(fast, op='min')
    return bool(fast)


def training_precision(runner: Runner) -> str:
    """Number format of the forward pass of a training, such as 'bf16'."""
    wrapper = single_optim_wrappers(runner)[0]
    with wrapper.optim_context(bare_model(runner)):
        return current_precision(get_device())
