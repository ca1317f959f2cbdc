"""Number formats: bfloat16 where it is faster, else float32."""

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from mmreidmix.registry import HOOKS, class_of
from mmreidmix.signatures import options_of


def use_bf16(cfg: Config) -> None:
    """Set the forward pass of a training to bfloat16.

    Raises:
        ValueError: the config has no optimizer wrapper, or a special one.
    """
    wrapper = cfg.get('optim_wrapper')
    kind = wrapper and wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'Bf16OptimWrapper'):
        raise ValueError('--amp needs a config with optim_wrapper.type '
                         f'OptimWrapper, got {kind}')
    wrapper.type = 'Bf16OptimWrapper'


def bf16_is_emulated() -> bool:
    """Whether bfloat16 is slower than float32: an x86 without instructions.

    False with a GPU, and where this PyTorch can not list instructions.
    """
    if torch.cuda.is_available() or not hasattr(torch.cpu, 'get_capabilities'):
        return False
    cpu = torch.cpu.get_capabilities()
    return cpu.get('architecture') == 'x86_64' and not (
        cpu.get('avx512_bf16') or cpu.get('amx_bf16'))


def avoid_emulated_bf16(cfg: Config) -> None:
    """Set a config to float32 where bfloat16 would be emulated; log it.

    Emulated, a step of a ResNet takes about twice as long as in float32.
    """
    wrapper = cfg.get('optim_wrapper') or {}
    if wrapper.get('type') != 'Bf16OptimWrapper' or not bf16_is_emulated():
        return
    wrapper.type = 'OptimWrapper'
    hook = (cfg.get('default_hooks') or {}).get('pseudo_labels')
    # A class that is imported later keeps the option of its own config.
    kind = class_of(HOOKS, hook.type) if hook else None
    if kind is not None and 'bf16' in options_of(kind):
        hook.bf16 = False
    print_log(
        'this processor has no bfloat16 instructions: training in float32, '
        'which is faster here (Bf16OptimWrapper -> OptimWrapper)',
        logger='current')
