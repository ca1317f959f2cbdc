"""TransReID's vision transformer, rebuilt with that project's names."""

import pytest
import torch
from torch import nn

from tests.test_public_weights.public_file import (
    HALF,
    check_embeddings,
    convert,
    meta_of,
    randomise,
)

DIMS, HEADS = 128, 2


class Attention(nn.Module):

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIMS, 3 * DIMS)
        self.proj = nn.Linear(DIMS, DIMS)

    def forward(self, x):
        q, k, v = self.qkv(x).view(
            *x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) / q.shape[-1]**0.5).softmax(3)
        return self.proj((weights @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):

    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(DIMS, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(DIMS, eps=1e-6)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(DIMS, 4 * DIMS)
        self.mlp.fc2 = nn.Linear(4 * DIMS, DIMS)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        hidden = nn.functional.gelu(self.mlp.fc1(self.norm2(x)))
        return x + self.mlp.fc2(hidden)


class TransReID(nn.Module):

    def __init__(self, stride=16, cameras=0, parts=False):
        super().__init__()
        base = self.base = nn.Module()
        base.patch_embed = nn.Module()
        base.patch_embed.proj = nn.Conv2d(3, DIMS, 16, stride)
        tokens = ((64 - 16) // stride + 1) * ((32 - 16) // stride + 1) + 1
        base.cls_token = nn.Parameter(torch.zeros(1, 1, DIMS))
        base.pos_embed = nn.Parameter(torch.zeros(1, tokens, DIMS))
        if cameras:
            base.sie_embed = nn.Parameter(torch.zeros(cameras, 1, DIMS))
        base.blocks = nn.ModuleList(Block() for _ in range(3))
        base.norm = nn.LayerNorm(DIMS, eps=1e-6)
        base.fc = nn.Linear(DIMS, 10)
        self.bottleneck = nn.BatchNorm1d(DIMS)
        self.classifier = nn.Linear(DIMS, 4, bias=False)
        self.parts = parts
        if parts:
            for name in ('b1', 'b2'):
                setattr(self, name, nn.Sequential(
                    Block(), nn.LayerNorm(DIMS, eps=1e-6)))
            for i in range(1, 5):
                setattr(self, f'bottleneck_{i}', nn.BatchNorm1d(DIMS))
                setattr(self, f'classifier_{i}', nn.Linear(DIMS, 4, False))

    def forward(self, x, camera=0):
        base = self.base
        x = base.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([base.cls_token.expand(len(x), -1, -1), x], 1)
        x = x + base.pos_embed
        if hasattr(base, 'sie_embed'):
            x = x + 3.0 * base.sie_embed[camera]
        for block in base.blocks[:-1]:
            x = block(x)
        x = self.b1(x) if self.parts else base.norm(base.blocks[-1](x))
        return x[:, 0]


@pytest.mark.parametrize('options, said', [
    (dict(), 'every 16'),
    (dict(stride=12), 'every 12'),
    (dict(cameras=2), 'mean of the 2 of the training'),
    (dict(cameras=2, stride=12, parts=True), 'four parts (JPM)'),
])
def test_global_feature(options, said, tmp_path, capsys):
    source = randomise(TransReID(**options))
    if 'cameras' in options:  # then the mean is that of each camera
        source.base.sie_embed.data[1] = source.base.sie_embed.data[0]
    path = convert(tmp_path / 'vit_base_120.pth', source.state_dict(),
                   '--input-size', 64, 32)
    check_embeddings(path, source, statistics=HALF)
    assert said in capsys.readouterr().out
    assert meta_of(path)['preprocessing']['pooling'] == 'class token'


def test_a_size_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match='9 position .* 256x128.*by --input'):
        convert(tmp_path / 'a.pth', TransReID().state_dict())
