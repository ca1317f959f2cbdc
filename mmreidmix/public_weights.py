"""Names of the weights of public checkpoints, and what they are here."""

import re
from collections.abc import Mapping
from typing import Any

from mmreidmix.checks import check_choice, name_some


def _mobilenet_v2_rules() -> dict[str, str]:
    """Blocks are counted through in torchvision, by layer in MMPretrain."""
    new = {
        f'{number}.{i}': f'{name}.{kind}'
        for number, name in ((0, 'conv1'), (18, 'conv2'))
        for i, kind in enumerate(('conv', 'bn'))
    }
    blocks = [
        f'layer{layer}.{block}'
        for layer, count in enumerate((1, 2, 3, 4, 3, 3, 1), 1)
        for block in range(count)
    ]
    for number, block in enumerate(blocks, 1):
        last = 1 if number == 1 else 2  # the first block does not expand
        for i in range(last):
            new[f'{number}.conv.{i}.0'] = f'{block}.conv.{i}.conv'
            new[f'{number}.conv.{i}.1'] = f'{block}.conv.{i}.bn'
        new[f'{number}.conv.{last}'] = f'{block}.conv.{last}.conv'
        new[f'{number}.conv.{last + 1}'] = f'{block}.conv.{last}.bn'
    return {
        rf'{re.escape("features." + old)}\.(\w+)': rf'backbone.{name}.\1'
        for old, name in new.items()
    }


# Pattern of a whole source key -> new key; None drops the key.
_RESNET_RULES = {
    r'((?:conv1|bn1|layer[1-4])\..+)': r'backbone.\1',
    r'fc\..+': None,
}
_RULES = {
    'torchreid': {
        r'(conv[1-5]\..+)': r'backbone.\1',
        r'fc\.0\.(.+)': r'neck.fc.\1',
        r'fc\.1\.(.+)': r'neck.norm.\1',
        r'classifier\..+': None,
    },
    'torchvision': {
        **_RESNET_RULES,
        **_mobilenet_v2_rules(),
        r'classifier\..+': None,
    },
    'ibn-net': _RESNET_RULES,
}
SOURCES = tuple(_RULES)
#: (height, width) of the images of sources that are for re-identification.
INPUT_SIZES = {'torchreid': (256, 128)}


def convert_state_dict(
        state: Mapping[str, Any],
        source: str) -> tuple[dict[str, Any], list[str]]:
    """Rename the weights of a public checkpoint to this project's names.

    Args:
        state (Mapping[str, Tensor]): state dict of the source.
        source (str): 'torchreid' (OSNet), 'torchvision' (ResNet,
            MobileNetV2) or 'ibn-net' (ResNet-IBN-a).

    Returns:
        tuple[dict[str, Tensor], list[str]]: the weights, with keys
        ``backbone.*`` and, for OSNet's embedding layer, ``neck.*`` of
        ``mmpretrain.LinearNeck``; and the source keys that were dropped
        (the classifier of the source's own classes).

    Raises:
        ValueError: ``source`` or a key is unknown, or no key is left.
    """
    check_choice('convert_state_dict', SOURCES, source=source)
    converted, dropped, unknown = {}, [], []
    for key, value in state.items():
        rule = next((rule for rule in _RULES[source].items()
                     if re.fullmatch(rule[0], key)), None)
        if rule is None:
            unknown.append(key)
        elif rule[1] is None:
            dropped.append(key)
        else:
            converted[re.sub(*rule, key)] = value
    if unknown:
        raise ValueError(
            f'{len(unknown)} of {len(state)} keys are not those of a '
            f'{source} file: {name_some(unknown)}. Check --from; known '
            f'sources: {SOURCES}')
    if not converted:
        raise ValueError(f'no weights for a backbone among {name_some(state)}')
    return converted, dropped
