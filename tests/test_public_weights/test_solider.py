"""SOLIDER's Swin transformer, rebuilt with that project's names."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.test_public_weights.public_file import (
    HALF,
    check_embeddings,
    convert,
    meta_of,
    randomise,
)

WINDOW, DIMS, HEADS, DEPTHS = 4, 16, (1, 2, 4, 8), (2, 2, 2, 2)


class WindowAttention(nn.Module):

    def __init__(self, dims, heads):
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * WINDOW - 1)**2, heads))
        rows, columns = torch.meshgrid(
            torch.arange(WINDOW), torch.arange(WINDOW), indexing='ij')
        row, column = rows.flatten(), columns.flatten()
        index = (row[:, None] - row + WINDOW - 1) * (2 * WINDOW - 1) + (
            column[:, None] - column + WINDOW - 1)
        self.register_buffer('relative_position_index', index)
        self.qkv = nn.Linear(dims, 3 * dims)
        self.proj = nn.Linear(dims, dims)

    def forward(self, x, apart):
        """Windows (n, tokens, C); pairs that may not see each other."""
        q, k, v = self.qkv(x).view(
            *x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) / q.shape[-1]**0.5
        bias = self.relative_position_bias_table[self.relative_position_index]
        scores = scores + bias.permute(2, 0, 1) - 100. * apart[:, None]
        return self.proj(
            (scores.softmax(3) @ v).transpose(1, 2).flatten(2))


def windows(x):
    """(B, H, W, C) -> (n, tokens, C)."""
    size = len(x), x.shape[1] // WINDOW, x.shape[2] // WINDOW
    x = x.view(size[0], size[1], WINDOW, size[2], WINDOW, -1)
    return x.transpose(2, 3).reshape(-1, WINDOW**2, x.shape[-1])


def from_windows(x, shape):
    size = shape[0], shape[1] // WINDOW, shape[2] // WINDOW
    x = x.view(*size, WINDOW, WINDOW, -1).transpose(2, 3)
    return x.reshape(*shape, -1)


class SwinBlock(nn.Module):

    def __init__(self, dims, heads, shift):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dims), nn.LayerNorm(dims)
        self.attn = nn.Module()
        self.attn.w_msa = WindowAttention(dims, heads)
        self.ffn = nn.Module()
        self.ffn.layers = nn.Sequential(
            nn.Sequential(nn.Linear(dims, 4 * dims), nn.GELU()),
            nn.Linear(4 * dims, dims))
        self.shift = shift

    def forward(self, x):
        _, height, width, _ = x.shape
        y = F.pad(self.norm1(x), (0, 0, 0, -width % WINDOW, 0,
                                  -height % WINDOW))
        shape = y.shape[:3]
        areas = torch.zeros(1, *shape[1:], 1)
        if self.shift:
            y = y.roll((-self.shift, -self.shift), (1, 2))
            for axis in (1, 2):
                position = torch.arange(shape[axis])
                part = (position >= shape[axis] - WINDOW).int() + (
                    position >= shape[axis] - self.shift).int()
                areas = 3 * areas + part.view(
                    [-1 if i == axis else 1 for i in range(4)])
        areas = windows(areas)[..., 0].repeat(shape[0], 1)
        y = self.attn.w_msa(
            windows(y), (areas[:, :, None] != areas[:, None]).float())
        y = from_windows(y, shape)
        if self.shift:
            y = y.roll((self.shift, self.shift), (1, 2))
        x = x + y[:, :height, :width]
        return x + self.ffn.layers(self.norm2(x))


class Downsample(nn.Module):

    def __init__(self, dims):
        super().__init__()
        self.norm = nn.LayerNorm(4 * dims)
        self.reduction = nn.Linear(4 * dims, 2 * dims, bias=False)

    def forward(self, x):
        height, width = x.shape[1] // 2, x.shape[2] // 2
        x = F.unfold(x.permute(0, 3, 1, 2), 2, stride=2).transpose(1, 2)
        return self.reduction(self.norm(x)).view(
            len(x), height, width, -1)


class Swin(nn.Module):

    def __init__(self):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.projection = nn.Conv2d(3, DIMS, 4, 4)
        self.patch_embed.norm = nn.LayerNorm(DIMS)
        self.stages = nn.ModuleList()
        self.semantic_embed_w = nn.ModuleList()
        self.semantic_embed_b = nn.ModuleList()
        for i, (depth, heads) in enumerate(zip(DEPTHS, HEADS)):
            stage, dims = nn.Module(), DIMS * 2**i
            stage.blocks = nn.ModuleList(
                SwinBlock(dims, heads, WINDOW // 2 * (j % 2))
                for j in range(depth))
            if i < 3:
                stage.downsample = Downsample(dims)
            self.stages.append(stage)
            setattr(self, f'norm{i}', nn.LayerNorm(dims))
            for embed in (self.semantic_embed_w, self.semantic_embed_b):
                embed.append(nn.Linear(2, DIMS * 2**min(i + 1, 3)))

    def forward(self, x):
        x = self.patch_embed.projection(x).permute(0, 2, 3, 1)
        x = self.patch_embed.norm(x)
        semantic = torch.tensor([0.2, 0.8])
        for i, stage in enumerate(self.stages):
            for block in stage.blocks:
                x = block(x)
            if i < 3:
                x = stage.downsample(x)
                x = x * F.softplus(self.semantic_embed_w[i](semantic))
                x = x + self.semantic_embed_b[i](semantic)
        return self.norm3(x).mean((1, 2))


class Solider(nn.Module):

    def __init__(self, features=0):
        super().__init__()
        self.base = Swin()
        if features:
            self.fcneck = nn.Linear(8 * DIMS, features, bias=False)
        width = features or 8 * DIMS
        self.bottleneck = nn.BatchNorm1d(width)
        self.classifier = nn.Linear(width, 4, bias=False)

    def forward(self, x):
        x = self.base(x)
        return self.fcneck(x) if hasattr(self, 'fcneck') else x


@pytest.mark.parametrize('features', [0, 24])
def test_fine_tuned(features, tmp_path):
    source = randomise(Solider(features))
    path = convert(tmp_path / 'swin.pth', source.state_dict(),
                   '--input-size', 96, 64)
    check_embeddings(path, source, (96, 64), HALF)
    assert meta_of(path)['source'] == 'solider-reid'


@pytest.mark.parametrize('key, value', [
    ('base.stages.1.downsample.reduction.weight', None),
    ('base.semantic_embed_b.1.weight', None),
    ('base.semantic_embed_w.1.weight', torch.ones(2)),
    ('base.semantic_embed_w.1.weight', torch.ones(5, 2)),
])
def test_weights_that_do_not_go_together(key, value, tmp_path):
    state = Solider().state_dict()
    del state[key]
    if value is not None:
        state[key] = value
    with pytest.raises(ValueError, match='missing or do not go together'):
        convert(tmp_path / 'swin.pth', state)


def test_pretrained(tmp_path):
    source = randomise(Swin())
    state = {f'backbone.{key}': v for key, v in source.state_dict().items()}
    state['head.last_layer.weight'] = torch.ones(4, 4)
    path = convert(tmp_path / 'swin.pth', dict(teacher=state, epoch=9),
                   '--input-size', 96, 64)
    check_embeddings(path, source, (96, 64), HALF)
    assert meta_of(path)['source'] == 'solider'
