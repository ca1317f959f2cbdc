"""Which number format of a config pays on this machine."""

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from mmreidmix.registry import HOOKS, class_of
from mmreidmix.signatures import options_of


def use_bf16(cfg: Config) -> None:
    """Let a config train with its forward pass in bfloat16.

    Raises:
        ValueError: the config has another optimizer wrapper that is not
            plain.
    """
    wrapper = cfg.get('optim_wrapper')
    if wrapper is None:
        raise ValueError('--amp needs an `optim_wrapper` in the config')
    kind = wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'Bf16OptimWrapper'):
        raise ValueError(f'--amp needs optim_wrapper.type OptimWrapper, the '
                         f'config has {kind}')
    wrapper.type = 'Bf16OptimWrapper'


def bf16_is_emulated() -> bool:
    """Whether bfloat16 is slower than float32: an x86 without instructions.

    False with a GPU, and where this PyTorch does not tell.
    """
    if torch.cuda.is_available() or not hasattr(torch.cpu, 'get_capabilities'):
        return False
    found = torch.cpu.get_capabilities()
    return found.get('architecture') == 'x86_64' and not (
        found.get('avx512_bf16') or found.get('amx_bf16'))


def avoid_emulated_bf16(cfg: Config) -> None:
    """Set a config to float32 where bfloat16 would be emulated, and say so.

    Emulated, a step of a ResNet takes about twice as long as in float32.
    """
    wrapper = cfg.get('optim_wrapper') or {}
    if wrapper.get('type') != 'Bf16OptimWrapper' or not bf16_is_emulated():
        return
    wrapper.type = 'OptimWrapper'
    hook = (cfg.get('default_hooks') or {}).get('pseudo_labels')
    # A class that is imported later is told by its own config.
    kind = class_of(HOOKS, hook.type) if hook else None
    if kind is not None and 'bf16' in options_of(kind):
        hook.bf16 = False
    print_log(
        'this processor has no bfloat16 instructions: training in float32, '
        'which is faster here (Bf16OptimWrapper -> OptimWrapper)',
        logger='current')
