"""ViTs, whatever project they are of: read off their weights."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, Optional

from .family import BNNECK, Network, Preprocessing, State, count_of, shape

Size = tuple[int, int]

#: Sizes of the images of re-identification.
PEDESTRIANS = ((256, 128), (384, 128), (256, 256))
#: What is the embedding, where no BNNeck was trained.
CLASS_TOKEN = 'the class token (a fresh BNNeck changes nothing)'
# Strides of patches of 16.
_OVERLAPPING = (16, 12, 14, 11, 10, 8)

# Names inside a block of timm's ViT -> of MMPretrain's.
_BLOCK = {
    r'norm1\.': 'ln1.',
    r'norm2\.': 'ln2.',
    r'attn\.': 'attn.',
    r'mlp\.fc1\.': 'ffn.layers.0.0.',
    r'mlp\.fc2\.': 'ffn.layers.1.',
}


def block_rules(old: str, new: str) -> dict[str, Optional[str]]:
    """Rules for the blocks below a pattern without groups, or with one."""
    last = r'\2' if r'\1' in new else r'\1'
    return {rf'{old}{name}(.+)': f'{new}{own}{last}'
            for name, own in _BLOCK.items()}


def vit_rules(prefix: str = '') -> dict[str, Optional[str]]:
    """Rules for timm's names below a pattern without groups."""
    return {
        rf'{prefix}(cls_token|pos_embed)': r'backbone.\1',
        rf'{prefix}patch_embed\.proj\.(.+)':
        r'backbone.patch_embed.projection.\1',
        rf'{prefix}patch_embed\.conv\.(.+)': r'backbone.stem.\1',
        **block_rules(rf'{prefix}blocks\.(\d+)\.', r'backbone.layers.\1.'),
        rf'{prefix}norm\.(.+)': r'backbone.ln1.\1',
    }


#: Keys of a bare ViT, as arguments of :class:`Family`.
PLAIN: Mapping[str, Any] = dict(
    marks=('cls_token', r'patch_embed\.proj\.weight',
           r'blocks\.0\.mlp\.fc1\.weight'),
    never=('part_token1', r'patch_embed\.conv\..+'),
    rules={**vit_rules(), r'(head|fc)\..+': None})


def vit_of(state: State,
           size: Optional[Size],
           sizes: Sequence[Size] = (),
           extra_tokens: int = 1,
           **options: Any) -> tuple[str, dict, Size]:
    """Name, config and image size of a ViT with heads of 64 channels.

    Args:
        state (Mapping[str, Tensor]): weights under ``backbone.``.
        size (tuple[int, int], optional): of the images, as the user says.
        sizes (Sequence[tuple[int, int]]): of the project, with patches that
            may overlap; empty: a square or :data:`PEDESTRIANS`, with patches
            side by side.
        extra_tokens (int): that are not patches.
        **options: of ``mmpretrain.VisionTransformer`` or, where it has not
            all of them, :class:`mmreidmix.models.backbones.VisionTransformer`.

    Raises:
        ValueError: there is no such ViT, or its size is not known.
    """
    dims, _, patch, _ = shape(
        state, 'backbone.patch_embed.projection.weight', 4)
    stem = 'backbone.stem.0.weight' in state
    if stem:
        patch *= 2  # the stem halves the image
        options['conv_stem'] = True
    if 'backbone.layers.0.attn.qkv.bias' not in state:
        raise ValueError('a ViT without biases of its queries, such as '
                         'vit_small_patch16_224_TransReID, is not known')
    if dims % 64 or dims > 1024:
        raise ValueError('how many heads a ViT with tokens of width '
                         f'{dims} has is not known')
    patches = shape(state, 'backbone.pos_embed', 3)[1] - extra_tokens
    strides = _OVERLAPPING if sizes and not stem else (patch, )
    square = isqrt(patches) * patch
    size, stride = _grid(
        patches, patch, strides,
        (size, ) if size else sizes or ((square, square), *PEDESTRIANS))
    if stride != patch:
        options['patch_cfg'] = dict(stride=stride, padding=0)
    layers = count_of(state, r'backbone\.layers\.(\d+)\.')
    own = stem or 'part_tokens' in options
    backbone = dict(
        type='VisionTransformer' if own else 'mmpretrain.VisionTransformer',
        arch=dict(
            embed_dims=dims, num_layers=layers, num_heads=dims // 64,
            feedforward_channels=shape(
                state, 'backbone.layers.0.ffn.layers.0.0.weight', 2)[0]),
        img_size=size, patch_size=patch, **options)
    return (f'ViT, {layers} layers of {dims}, patches of {patch} every '
            f'{stride}', backbone, size)


def describe_vit(state: State,
                 size: Optional[Size],
                 sizes: Sequence[Size] = (),
                 embedding: str = CLASS_TOKEN,
                 notes: tuple[str, ...] = (),
                 **preprocessing: Any) -> Network:
    """A ViT whose class token is the feature.

    Args:
        state (Mapping[str, Tensor]): weights under ``backbone.``.
        size (tuple[int, int], optional): see :func:`vit_of`.
        sizes (Sequence[tuple[int, int]]): likewise.
        embedding (str): for the user.
        notes (tuple[str, ...]): likewise.
        **preprocessing: of :class:`Preprocessing`.
    """
    name, backbone, size = vit_of(state, size, sizes, out_type='cls_token')
    return Network(
        name, dict(backbone=backbone, neck=[], bnneck=BNNECK),
        Preprocessing(size, **preprocessing), 'class token', embedding, notes)


def _grid(patches: int, patch: int, strides: Sequence[int],
          sizes: Sequence[Size]) -> tuple[Size, int]:
    """Size of the images and stride of the patches."""
    for height, width in sizes:
        for stride in strides:
            rows, columns = (
                (side - patch) // stride + 1 for side in (height, width))
            if rows * columns == patches:
                return (height, width), stride
    tried = ', '.join(f'{h}x{w}' for h, w in sizes)
    raise ValueError(
        f'{patches} patches of {patch} pixels are those of no images of '
        f'{tried}: give the size of the training by --input-size')
