"""From the tokens of a ViT to vectors, as re-identification projects do."""

import torch
from mmengine.model import BaseModule
from mmpretrain.models.backbones.vision_transformer import (
    TransformerEncoderLayer,
)
from torch import Tensor, nn

from mmreidmix.checks import check_choice, check_count
from mmreidmix.registry import MODELS


@MODELS.register_module()
class JigsawPatchNeck(BaseModule):
    """The class token, of all patches and of shuffled groups of patches.

    The jigsaw patch module (JPM) of "TransReID: Transformer-Based Object
    Re-Identification", He et al., ICCV 2021,
    https://arxiv.org/abs/2102.04378: the last block of the ViT twice, once
    for all patches, once for each group with the class token. A vector of a
    group counts 1 / ``parts``.

    Args:
        embed_dims (int): width C of the tokens.
        num_heads (int): of the attention.
        feedforward_channels (int): inside the blocks.
        parts (int): groups.
        shift (int): the first patches that move to the end.
        stripes (int): each group takes its patches from as many stripes.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: a number below 1.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 feedforward_channels: int,
                 parts: int = 4,
                 shift: int = 5,
                 stripes: int = 2,
                 init_cfg=None):
        super().__init__(init_cfg)
        check_count(self, 1, parts=parts, shift=shift, stripes=stripes)
        self.parts, self.shift, self.stripes = parts, shift, stripes
        norm = dict(type='LN', eps=1e-6)
        self.whole, self.part = (nn.Sequential(
            TransformerEncoderLayer(embed_dims, num_heads,
                                    feedforward_channels, norm_cfg=norm),
            nn.LayerNorm(embed_dims, eps=1e-6)) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 1 + N, C) in front of the last block: (B, 5 C)."""
        batch, count, width = tokens.shape
        length = (count - 1) // self.parts
        groups = self._shuffled(tokens)[:, :self.parts * length].reshape(
            batch * self.parts, length, width)
        token = tokens[:, :1].repeat_interleave(self.parts, 0)
        whole = self.whole(tokens)[:, 0]
        part = self.part(torch.cat([token, groups], 1))[:, 0]
        return torch.cat([whole, part.reshape(batch, -1) / self.parts], 1)

    def _shuffled(self, tokens: Tensor) -> Tensor:
        """The patches (B, N, C), moved on and then one from each stripe."""
        moved = torch.cat([tokens[:, self.shift:], tokens[:, 1:self.shift]], 1)
        odd = -moved.shape[1] % self.stripes
        if odd:
            moved = torch.cat([moved, moved[:, -1 - odd:-1]], 1)
        return moved.unflatten(1, (self.stripes, -1)).transpose(1, 2).flatten(
            1, 2)


@MODELS.register_module()
class PartTokenNeck(BaseModule):
    """The class token and the mean of the part tokens.

    "PASS: Part-Aware Self-Supervised Pre-Training for Person
    Re-Identification", Zhu et al., ECCV 2022,
    https://arxiv.org/abs/2203.03931.

    Args:
        part_tokens (int): tokens behind the class token.
        join (str): 'cat' joins both to (B, 2 C); 'mean' is their mean (B, C).
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: an option is out of its range.
    """

    def __init__(self, part_tokens: int = 3, join: str = 'cat',
                 init_cfg=None):
        super().__init__(init_cfg)
        check_count(self, 1, part_tokens=part_tokens)
        check_choice(self, ('cat', 'mean'), join=join)
        self.part_tokens, self.join = part_tokens, join

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 1 + parts + N, C) to vectors."""
        whole = tokens[:, 0]
        parts = tokens[:, 1:1 + self.part_tokens].mean(1)
        if self.join == 'mean':
            return (whole + parts) / 2
        return torch.cat([whole, parts], 1)


@MODELS.register_module()
class ProjectionNeck(BaseModule):
    """A vector, and its projection joined to it.

    The image feature of "CLIP-ReID: Exploiting Vision-Language Model for
    Image Re-Identification without Concrete Text Labels", Li et al., AAAI
    2023, https://arxiv.org/abs/2211.13977: with CLIP's projection into the
    space that images and texts share.

    Args:
        in_channels (int): width C of the vector.
        out_channels (int): width P of the projection.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, in_channels: int, out_channels: int, init_cfg=None):
        super().__init__(init_cfg)
        self.projection = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, C) to (B, C + P)."""
        return torch.cat([vectors, self.projection(vectors)], 1)
