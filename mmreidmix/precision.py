"""Number formats of a forward pass: the one place that chooses."""

from typing import Any

import torch

NAMES = {
    torch.bfloat16: 'bf16',
    torch.float16: 'fp16',
    torch.float32: 'fp32',
    torch.float64: 'fp64',
}


def bfloat16_is_fast(device: str = 'cpu') -> bool:
    """Whether a device computes faster in bfloat16 than in float32.

    Told by its instructions: AVX-512 bf16 or AMX of an x86 processor, compute
    capability 8.0 or higher of a GPU. Others emulate bfloat16 and are slower
    in it. Also False where PyTorch can not list the instructions (releases
    without ``torch.cpu.get_capabilities``).

    Args:
        device (str): 'cpu', 'cuda', 'cuda:1'.
    """
    kind = torch.device(device).type
    if kind == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if kind != 'cpu' or not torch.backends.mkldnn.is_available():
        return False
    capabilities: dict[str, Any] = getattr(
        torch.cpu, 'get_capabilities', dict)()
    return bool(
        capabilities.get('avx512_bf16') or capabilities.get('amx_bf16'))


def current_precision(device: str = 'cpu') -> str:
    """Format in which autocast lets a device multiply here, such as 'bf16'."""
    one = torch.ones(1, 1, device=device)
    return NAMES[(one @ one).dtype]
