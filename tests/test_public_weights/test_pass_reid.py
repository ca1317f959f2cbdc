"""PASS, rebuilt with that project's names."""

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
from tests.test_public_weights.vits import DIMS, ViT


class PartViT(ViT):

    def __init__(self, **options):
        super().__init__(stem=True, class_position=False, **options)
        for name in ('part_token1', 'part_token2', 'part_token3', 'cls_pos',
                     'part1_pos', 'part2_pos', 'part3_pos'):
            setattr(self, name, nn.Parameter(torch.zeros(1, 1, DIMS)))

    def forward(self, x):
        x = self.patches(x)
        tokens = [self.cls_token + self.cls_pos] + [
            getattr(self, f'part_token{i}') + getattr(self, f'part{i}_pos')
            for i in (1, 2, 3)]
        tokens = torch.cat(tokens, 1).expand(len(x), -1, -1)
        x = torch.cat([tokens, x + self.pos_embed], 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 0], x[:, 1] / 3 + x[:, 2] / 3 + x[:, 3] / 3


class PASS(nn.Module):

    def __init__(self, join='cat', necks=1):
        super().__init__()
        self.base = PartViT()
        self.base.fc = nn.Linear(DIMS, 10)
        width = DIMS * (2 if join == 'cat' else 1)
        self.bottleneck = nn.BatchNorm1d(width if necks == 1 else DIMS)
        for i in range(1, necks):
            setattr(self, f'bottleneck_{i}', nn.BatchNorm1d(DIMS))
        self.classifier = nn.Linear(width, 4, bias=False)
        self.join = join

    def forward(self, x):
        whole, parts = self.base(x)
        if self.join == 'mean':
            return (whole + parts) / 2
        return torch.cat([whole, parts], 1)


@pytest.mark.parametrize('join', ['cat', 'mean'])
@pytest.mark.parametrize('necks', [1, 4])
def test_fine_tuned(join, necks, tmp_path):
    source = randomise(PASS(join, necks))
    path = convert(tmp_path / 'transformer_120.pth', source.state_dict(),
                   '--input-size', 64, 32)
    check_embeddings(path, source, statistics=HALF)
    assert meta_of(path)['source'] == 'pass'


def test_pretrained(tmp_path):
    source = randomise(PartViT())
    state = {f'backbone.{key}': v for key, v in source.state_dict().items()}
    state['head.mlp.0.weight'] = torch.ones(4, 4)
    path = convert(tmp_path / 'checkpoint.pth', dict(teacher=state),
                   '--input-size', 64, 32)
    check_embeddings(path, lambda x: torch.cat(source(x), 1))
    meta = meta_of(path)
    assert meta['source'] == 'pass-pretrained'
    assert meta['preprocessing']['interpolation'] == 'bicubic'


def test_a_missing_token_is_named(tmp_path):
    state = PASS().state_dict()
    del state['base.part2_pos']
    with pytest.raises(ValueError, match='no weights of backbone.part2_pos'):
        convert(tmp_path / 'a.pth', state, '--input-size', 64, 32)
