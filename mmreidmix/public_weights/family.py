"""What is known of the files of a project, and how its keys are renamed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

State = Mapping[str, Any]
#: Names -> configs of the parts of an encoder.
Encoder = dict[str, Any]

BNNECK = dict(type='BNNeck')
#: Embedding of networks that come without a BNNeck.
POOLED = 'the pooled map (a fresh BNNeck changes nothing)'
AVERAGE_POOLING = dict(type='mmpretrain.GlobalAveragePooling')


@dataclass(frozen=True)
class Preprocessing:
    """How images are prepared.

    Attributes:
        size (tuple[int, int]): height and width in pixels.
        interpolation (str): of PIL, 'bilinear' or 'bicubic'.
        mean (tuple[float, ...]): of R, G, B in [0, 255].
        std (tuple[float, ...]): likewise.
        native (bool): the weights were trained for re-identification at this
            size.
    """

    size: tuple[int, int] = (256, 128)
    interpolation: str = 'bilinear'
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    native: bool = True

    def pipeline(self) -> list[dict]:
        """Transforms of a test; PIL's resizing smooths, as OpenCV's not."""
        return [
            dict(type='LoadReIDImage'),
            dict(type='Resize', scale=self.size[::-1],
                 interpolation=self.interpolation, backend='pillow'),
            dict(type='PackReIDInputs'),
        ]

    def data_preprocessor(self) -> dict:
        """Config of the normalisation."""
        return dict(type='ReIDDataPreprocessor', mean=list(self.mean),
                    std=list(self.std), bgr_to_rgb=True)


#: Half of the range, for networks that take values in [-1, 1].
HALF = dict(mean=(127.5, ) * 3, std=(127.5, ) * 3)


@dataclass(frozen=True)
class Network:
    """A network that was read off the weights.

    Attributes:
        architecture (str): for the user, such as 'OSNet-AIN x1.0'.
        encoder (dict): configs of backbone, neck and BNNeck.
        preprocessing (Preprocessing): of the project.
        pooling (str): how a map becomes a vector.
        embedding (str): which feature the project searches with.
        notes (tuple[str, ...]): what was assumed or is lost.
    """

    architecture: str
    encoder: Encoder
    preprocessing: Preprocessing = Preprocessing()
    pooling: str = 'average'
    embedding: str = 'behind the BNNeck'
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """The files of one project, or of several with the same names.

    Attributes:
        name (str): as ``--from`` has it.
        marks (tuple[str, ...]): patterns of whole keys; a file of the family
            has a key for each.
        never (tuple[str, ...]): patterns of keys that it does not have.
        prefix (tuple[str, ...]): what stands before the keys in its files;
            with another it is taken only where ``--from`` names it.
        rules (dict[str, str | None]): pattern of a whole key -> its name
            here; None: it is dropped.
        describe (Callable): the network of renamed weights, for images of a
            size (height, width) or, if that is None, of the project's size.
        adjust (Callable, optional): renamed weights to those of the network,
            where names are not all that differs.
    """

    name: str
    marks: tuple[str, ...]
    rules: Mapping[str, Optional[str]]
    describe: Callable[[State, Optional[tuple[int, int]]], Network]
    never: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ('', )
    adjust: Optional[Callable[[dict, Network], dict]] = field(default=None)

    def fits(self, keys: Mapping) -> bool:
        """Whether names are those of a file of the family."""
        def has(pattern: str) -> bool:
            return any(re.fullmatch(pattern, key) for key in keys)
        return all(map(has, self.marks)) and not any(map(has, self.never))

    def rename(self, state: State) -> tuple[dict, list[str], list[str]]:
        """Renamed weights; keys that are dropped; keys that are not known."""
        renamed, dropped, unknown = {}, [], []
        for key, value in state.items():
            rule = next((rule for rule in self.rules.items()
                         if re.fullmatch(rule[0], key)), None)
            if rule is None:
                unknown.append(key)
            elif rule[1] is None:
                dropped.append(key)
            else:
                renamed[re.sub(*rule, key)] = value
        return renamed, dropped, unknown


def shape(state: State, key: str,
          dims: Optional[int] = None) -> tuple[int, ...]:
    """Shape of a weight.

    Args:
        state (Mapping[str, Tensor]): weights.
        key (str): name of one.
        dims (int, optional): how many dimensions it must have.

    Raises:
        ValueError: it is not there, or has another number of dimensions.
    """
    if key not in state:
        raise ValueError(f'there are no weights of {key}')
    found = tuple(state[key].shape)
    if dims is not None and len(found) != dims:
        raise ValueError(f'{key} has the shape {found}, expected {dims} '
                         'dimensions')
    return found


def count_of(state: State, pattern: str) -> int:
    """How many numbers the group of a pattern takes, from 0 on.

    Raises:
        ValueError: one is left out.
    """
    numbers = {int(found[1]): found[0] for found in (
        re.match(pattern, key) for key in state) if found}
    for number in range(len(numbers)):
        if number not in numbers:
            raise ValueError(f'there is {numbers[max(numbers)]!r}, and none '
                             f'of number {number}')
    return len(numbers)
