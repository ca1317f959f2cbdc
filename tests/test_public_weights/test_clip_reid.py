"""CLIP-ReID's image encoder, rebuilt with that project's names."""

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

DIMS, OUT = 128, 48


class Block(nn.Module):

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(DIMS, DIMS // 64)
        self.ln_1 = nn.LayerNorm(DIMS)
        self.mlp = nn.Module()
        self.mlp.c_fc = nn.Linear(DIMS, 4 * DIMS)
        self.mlp.c_proj = nn.Linear(4 * DIMS, DIMS)
        self.ln_2 = nn.LayerNorm(DIMS)

    def forward(self, x):
        y = self.ln_1(x).transpose(0, 1)
        x = x + self.attn(y, y, y, need_weights=False)[0].transpose(0, 1)
        y = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(y * (1.702 * y).sigmoid())


class ClipReID(nn.Module):

    def __init__(self, stride=16, cameras=0):
        super().__init__()
        net = self.image_encoder = nn.Module()
        net.conv1 = nn.Conv2d(3, DIMS, 16, stride, bias=False)
        tokens = ((64 - 16) // stride + 1) * ((32 - 16) // stride + 1) + 1
        net.class_embedding = nn.Parameter(torch.zeros(DIMS))
        net.positional_embedding = nn.Parameter(torch.zeros(tokens, DIMS))
        net.ln_pre, net.ln_post = nn.LayerNorm(DIMS), nn.LayerNorm(DIMS)
        net.transformer = nn.Module()
        net.transformer.resblocks = nn.Sequential(*(Block() for _ in range(3)))
        net.proj = nn.Parameter(torch.zeros(DIMS, OUT))
        if cameras:
            self.cv_embed = nn.Parameter(torch.zeros(cameras, DIMS))
        for name, width in (('', DIMS), ('_proj', OUT)):
            setattr(self, f'bottleneck{name}', nn.BatchNorm1d(width))
            setattr(self, f'classifier{name}', nn.Linear(width, 4, False))
        self.prompt_learner = nn.Module()
        self.prompt_learner.cls_ctx = nn.Parameter(torch.zeros(4, 4, 8))
        self.text_encoder = nn.Module()
        self.text_encoder.ln_final = nn.LayerNorm(8)

    def forward(self, x, camera=0):
        net = self.image_encoder
        x = net.conv1(x).flatten(2).transpose(1, 2)
        token = net.class_embedding
        if hasattr(self, 'cv_embed'):
            token = token + self.cv_embed[camera]
        x = torch.cat([token.expand(len(x), 1, -1), x], 1)
        x = net.ln_pre(x + net.positional_embedding)
        x = net.ln_post(net.transformer.resblocks(x))[:, 0]
        return torch.cat([x, x @ net.proj], 1)


@pytest.mark.parametrize('options, said', [
    (dict(), 'clip-reid, CLIP ViT, 3 layers'),
    (dict(stride=12, cameras=2), 'mean of the 2 of the training'),
])
def test_embeddings(options, said, tmp_path, capsys):
    source = randomise(ClipReID(**options))
    if 'cameras' in options:
        source.cv_embed.data[1] = source.cv_embed.data[0]
    path = convert(tmp_path / 'ViT-B-16_60.pth', source.state_dict(),
                   '--input-size', 64, 32)
    check_embeddings(path, source, statistics=HALF)
    assert said in capsys.readouterr().out
    assert meta_of(path)['preprocessing']['pooling'] == (
        'class token and its projection')


def test_without_projection_it_is_refused(tmp_path):
    state = ClipReID().state_dict()
    del state['image_encoder.proj']
    with pytest.raises(ValueError, match='no weights of neck.projection'):
        convert(tmp_path / 'a.pth', state, '--input-size', 64, 32)
