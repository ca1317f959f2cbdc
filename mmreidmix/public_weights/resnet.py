"""ResNets, whatever project they are of: read off their weights."""

from typing import Any

from .family import State, count_of, shape

#: All keys of a ResNet without its classifier, as torchvision names them.
RESNET_KEYS = r'((?:conv1|bn1|layer[1-4])\..+)'

# Blocks of each stage and whether they have three convolutions -> depth.
_DEPTHS = {
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}


def resnet_of(state: State, last_stride: int = 1,
              **options: Any) -> tuple[str, dict]:
    """Name and config of a ResNet.

    Args:
        state (Mapping[str, Tensor]): weights under ``backbone.``.
        last_stride (int): of the last stage.
        **options: of :class:`mmreidmix.models.backbones.ResNet`; without any
            it is MMPretrain's.

    Raises:
        ValueError: there is no such ResNet.
    """
    blocks = tuple(
        count_of(state, rf'backbone\.layer{i}\.(\d+)\.conv1\.weight')
        for i in range(1, 5))
    bottleneck = 'backbone.layer1.0.conv3.weight' in state
    depth = _DEPTHS.get((blocks, bottleneck))
    if depth is None:
        raise ValueError(
            f'a ResNet with {blocks} blocks of '
            f'{"three" if bottleneck else "two"} convolutions is not known; '
            f'expected ResNet-{", ".join(map(str, _DEPTHS.values()))}')
    shape(state, 'backbone.conv1.weight')
    has_ibn = has_instance_norm(state)
    kind = 'ResNetIBN' if has_ibn else (
        'ResNet' if options else 'mmpretrain.ResNet')
    return f'ResNet-{depth}{"-IBN-a" if has_ibn else ""}', dict(
        type=kind, depth=depth, strides=(1, 2, 2, last_stride), **options)


def has_instance_norm(state: State) -> bool:
    """Whether a ResNet is an IBN-a."""
    return 'backbone.layer1.0.bn1.IN.weight' in state
