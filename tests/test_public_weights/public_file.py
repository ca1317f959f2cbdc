"""A network as a file of its project, through the converter and back."""

import runpy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mmreidmix.apis import ReIDInferencer
from tests.tiny import ROOT

TOOL = ROOT / 'tools' / 'model_converters' / 'convert_weights.py'
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, ) * 3, (0.5, ) * 3)


def randomise(module, seed=0):
    """Weights and statistics that differ from every default."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        if value.dim() < 2:
            low = 0.5 if name.endswith(('weight', 'var')) else -0.3
            value.copy_(torch.rand(value.shape, generator=generator) + low)
        else:
            spread = value[0].numel()**-0.5
            value.copy_(spread * torch.randn(
                value.shape, generator=generator))
    return module.eval()


def convert(path, content, *options):
    """Save a file, convert it, and return the new one."""
    torch.save(content, path)
    out = path.with_name(f'{path.stem}_converted.pth')
    runpy.run_path(str(TOOL))['main'](
        [str(path), str(out), *map(str, options)])
    return out


def pixels(height=64, width=32, count=3):
    """Images (B, H, W, 3), uint8, RGB, that differ in light and shade."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, height, width, 3))
    scale = np.linspace(0.2, 1, count).reshape(-1, 1, 1, 1)
    return (images * scale).astype(np.uint8)


@torch.no_grad()
def expected(embed, images, statistics=IMAGENET):
    """Unit-length embeddings by the original network."""
    mean, std = (torch.tensor(s).view(3, 1, 1) for s in statistics)
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    return F.normalize(embed((inputs - mean) / std)).numpy()


def check_embeddings(path, embed, size=(64, 32), statistics=IMAGENET):
    """The converted file embeds as the original network does."""
    images = pixels(*size)
    wanted = expected(embed, images, statistics)
    found = ReIDInferencer(path, device='cpu', amp=False)(list(images))
    assert abs(wanted[0] - wanted[1]).max() > 1e-3  # no constant
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def meta_of(path):
    """What the converted file says of itself."""
    return torch.load(path, weights_only=True)['meta']


class Pooled(nn.Module):
    """A network and the mean of its map."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x).mean((2, 3))
