"""Parts of vision transformers with timm's names, for other projects."""

import torch
from torch import nn

from tests.test_public_weights.resnets import HalfInstanceNorm

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


def convolutions():
    """What TransReID-SSL and PASS have in front of the patches."""
    layers = []
    for i, norm in enumerate((HalfInstanceNorm, HalfInstanceNorm,
                              nn.BatchNorm2d)):
        size, inner, stride = (3, 64, 1) if i else (7, 3, 2)
        layers += [nn.Conv2d(inner, 64, size, stride, size // 2, bias=False),
                   norm(64), nn.ReLU()]
    return nn.Sequential(*layers)


class ViT(nn.Module):
    """timm's ViT; of 64 x 32 pixels where no other size is given."""

    def __init__(self, stride=16, stem=False, size=(64, 32), depth=3,
                 class_position=True):
        super().__init__()
        self.patch_embed = nn.Module()
        if stem:
            self.patch_embed.conv = convolutions()
        self.patch_embed.proj = nn.Conv2d(64, DIMS, 8, 8) if stem else (
            nn.Conv2d(3, DIMS, 16, stride))
        rows, columns = ((side - 16) // stride + 1 for side in size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIMS))
        self.pos_embed = nn.Parameter(
            torch.zeros(1, rows * columns + class_position, DIMS))
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
        self.norm = nn.LayerNorm(DIMS, eps=1e-6)

    def patches(self, x):
        if hasattr(self.patch_embed, 'conv'):
            x = self.patch_embed.conv(x)
        return self.patch_embed.proj(x).flatten(2).transpose(1, 2)

    def positioned(self, x):
        x = self.patches(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
        return x + self.pos_embed

    def forward(self, x):
        x = self.positioned(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 0]
