"""Tests of mmreidmix.models.necks.token_necks.

The features of whole networks are compared in tests/test_public_weights.
"""

import pytest
import torch

from mmreidmix.models.necks import (
    JigsawPatchNeck,
    PartTokenNeck,
    ProjectionNeck,
)


def order_of(count, **options):
    """The patches of all groups, by their number from 1 on."""
    neck = JigsawPatchNeck(64, 1, 64, **options)
    groups = []

    class Keep(torch.nn.Module):

        def forward(self, tokens):
            groups.append(tokens)
            return tokens

    neck.part = Keep()
    tokens = torch.arange(1. + count)[None, :, None].expand(1, -1, 64)
    assert neck(tokens).shape == (1, 64 * (1 + neck.parts))
    assert (groups[0][:, 0] == 0).all()  # the class token leads each group
    return groups[0][:, 1:, 0].int().tolist()


def test_patches_are_shuffled_as_in_the_paper():
    # 1 .. 8 from the third on, in two stripes, one from each in turn
    assert order_of(8, shift=3, parts=2) == [[3, 7, 4, 8], [5, 1, 6, 2]]
    # an odd number: the last but one fills the second stripe
    assert order_of(7, shift=3, parts=2) == [[3, 7, 4], [1, 5, 2]]
    # what is left over is in no group
    assert order_of(9, shift=1, parts=4, stripes=1) == [
        [1, 2], [3, 4], [5, 6], [7, 8]]


def test_part_tokens():
    tokens = torch.arange(10.).view(1, 5, 2)  # class, two parts, two patches
    assert PartTokenNeck(2)(tokens).tolist() == [[0, 1, 3, 4]]
    assert PartTokenNeck(2, 'mean')(tokens).tolist() == [[1.5, 2.5]]
    with pytest.raises(ValueError, match="join must be one of 'cat', 'mean'"):
        PartTokenNeck(join='sum')
    with pytest.raises(ValueError, match='parts must be an integer'):
        JigsawPatchNeck(64, 1, 64, parts=0)


def test_projection():
    neck = ProjectionNeck(2, 1)
    torch.nn.init.constant_(neck.projection.weight, 2)
    assert neck(torch.tensor([[1., 3.]])).tolist() == [[1, 3, 8]]
