"""ViT as re-identification projects change it."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import VisionTransformer as _VisionTransformer
from torch import Tensor, nn

from mmreidmix.checks import check_count
from mmreidmix.registry import MODELS

from .resnet_ibn import IBN

STEM_CHANNELS = 64


class ConvStem(nn.Sequential):
    """Three convolutions, the first with stride 2.

    "Self-Supervised Pre-Training for Transformer-Based Person
    Re-Identification", Luo et al., 2021, https://arxiv.org/abs/2111.12084
    (ICS). From images (B, 3, H, W) to maps (B, 64, H / 2, W / 2).
    """

    def __init__(self):
        layers: list[nn.Module] = []
        for i, norm in enumerate((IBN, IBN, nn.BatchNorm2d)):
            conv = (nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, 3, padding=1,
                              bias=False) if i else
                    nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3,
                              bias=False))
            layers += [conv, norm(STEM_CHANNELS), nn.ReLU(inplace=True)]
        super().__init__(*layers)


@MODELS.register_module()
class VisionTransformer(_VisionTransformer):
    """MMPretrain's ViT with the stem and the tokens of other projects.

    Takes the options of ``mmpretrain.VisionTransformer``, whose keys it has.

    Args:
        img_size (Sequence[int]): height and width of the images.
        patch_size (int): pixels of the image that a side of a patch covers.
        conv_stem (bool): a :class:`ConvStem` in front of the patches, which
            lie side by side, as in TransReID-SSL.
        part_tokens (int): trained tokens for parts of the body behind the
            class token, as in PASS. They are rows of ``cls_token``;
            ``out_type='raw'`` gives all tokens (B, L, C).
        **kwargs: see ``mmpretrain.VisionTransformer``.

    Raises:
        ValueError: ``part_tokens`` is negative.
    """

    def __init__(self,
                 img_size: Sequence[int],
                 patch_size: int = 16,
                 conv_stem: bool = False,
                 part_tokens: int = 0,
                 **kwargs: Any):
        check_count(self, 0, part_tokens=part_tokens)
        self.num_extra_tokens = 1 + part_tokens
        if conv_stem:
            kwargs['patch_cfg'] = dict(
                in_channels=STEM_CHANNELS, kernel_size=patch_size // 2,
                stride=patch_size // 2,
                input_size=[side // 2 for side in img_size])
        super().__init__(img_size=img_size, patch_size=patch_size, **kwargs)
        self.cls_token = nn.Parameter(
            torch.zeros(1, self.num_extra_tokens, self.embed_dims))
        self.stem = ConvStem() if conv_stem else nn.Identity()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to what ``out_type`` says."""
        return super().forward(self.stem(images))
