"""Averages of the weights of several networks.

"Robust fine-tuning of zero-shot models", Wortsman et al., CVPR 2022,
https://arxiv.org/abs/2109.01903 (start and end of a training: WiSE-FT), and
"Model soups", Wortsman et al., ICML 2022, https://arxiv.org/abs/2203.05482
(several trainings from one start).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmreidmix.checks import check_between, check_choice, name_some
from mmreidmix.choices import ENCODERS
from mmreidmix.models.encoder import ENCODER_PARTS

_ENCODER = tuple(f'{part}.' for part in ENCODER_PARTS)
_MOMENTUM = 'momentum_encoder.'


def take_encoder(state: Mapping[str, Tensor],
                 encoder: str) -> dict[str, Tensor]:
    """Weights of one encoder of a model, under the names of the encoder.

    Args:
        state (Mapping[str, Tensor]): state dict of a model.
        encoder (str): 'encoder', or 'momentum_encoder', which stands for the
            encoder where there is none, as when weights are loaded.

    Raises:
        ValueError: there are no weights of an encoder.
    """
    check_choice('take_encoder', ENCODERS, encoder=encoder)
    if encoder == 'momentum_encoder' and has_momentum_encoder(state):
        state = {
            key[len(_MOMENTUM):]: value
            for key, value in state.items() if key.startswith(_MOMENTUM)
        }
    found = {key: v for key, v in state.items() if key.startswith(_ENCODER)}
    if not found:
        raise ValueError(
            f'no weights of {", ".join(ENCODER_PARTS)}, only '
            f'{name_some(state)}; convert the file first '
            '(tools/model_converters/convert_weights.py)')
    return found


def has_momentum_encoder(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict holds a momentum encoder."""
    return any(key.startswith(_MOMENTUM) for key in state)


def average_weights(states: Mapping[str, Mapping[str, Tensor]],
                    weights: Sequence[float]) -> dict[str, Tensor]:
    """Weighted mean of encoders, in float64.

    Running statistics of BatchNorm are averaged as weights are; the mean of
    variances is that of the averaged network only roughly. A network without
    BNNeck, such as a public checkpoint, counts with a fresh one, which
    changes nothing.

    Args:
        states (Mapping[str, Mapping[str, Tensor]]): state dict of each
            encoder by the name of its file, see :func:`take_encoder`.
        weights (Sequence[float]): share of each, in its order; they sum to 1.

    Returns:
        dict[str, Tensor]: the mean, each tensor in its type in the first
        state; tensors of integers (counters of BatchNorm) are the first's.

    Raises:
        ValueError: weights that are no shares, or keys or shapes differ.
    """
    _check_shares(len(states), weights)
    names, filled = list(states), _with_bnneck(list(states.values()))
    first = filled[0]
    for name, other in zip(names[1:], filled[1:]):
        _check_alike(names[0], first, name, other)
    return {
        key: _mean([state[key] for state in filled], weights)
        if value.is_floating_point() else value.clone()
        for key, value in first.items()
    }


def _check_shares(count: int, weights: Sequence[float]) -> None:
    if count < 2 or len(weights) != count:
        raise ValueError(f'{count} networks and {len(weights)} weights: give '
                         'at least two networks and one weight for each')
    for weight in weights:
        check_between('average', 0, 1, weight=weight)
    if abs(sum(weights) - 1) > 1e-6:
        total = sum(weights)
        hint = (', divide each by it: '
                f'{" ".join(f"{w / total:.6g}" for w in weights)}'
                if total else '')
        raise ValueError(f'the weights sum to {total:g}, expected 1{hint}')


def _with_bnneck(states: list) -> list:
    """Give those that lack the BNNeck of the others a fresh one."""
    bnneck = {
        key: value
        for state in states for key, value in state.items()
        if key.startswith('bnneck.')
    }
    fresh = {
        key: torch.ones_like(value) if key.endswith(
            ('.weight', '.running_var')) else torch.zeros_like(value)
        for key, value in bnneck.items()
    }
    return [
        state if any(key in state for key in bnneck) else {**state, **fresh}
        for state in states
    ]


def _check_alike(name: str, first: Mapping, other_name: str,
                 other: Mapping) -> None:
    shapes, other_shapes = _shapes(first), _shapes(other)
    lost = [key for key in shapes if key not in other_shapes]
    new = [key for key in other_shapes if key not in shapes]
    wrong = [
        f'{key} {shapes[key]} and {other_shapes[key]}' for key in shapes
        if key in other_shapes and shapes[key] != other_shapes[key]
    ]
    if not lost + new + wrong:
        return
    raise ValueError(
        f'{name} and {other_name} are not the same network: only in the '
        f'first: {name_some(lost, 3)}; only in the second: '
        f'{name_some(new, 3)}; other shapes: {name_some(wrong, 3)}. Average '
        'checkpoints of one backbone and neck')


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple]:
    return {
        key: tuple(value.shape)
        for key, value in state.items() if value.is_floating_point()
    }


def _mean(tensors: list[Tensor], weights: Sequence[float]) -> Tensor:
    total = sum(weight * tensor.double()
                for weight, tensor in zip(weights, tensors))
    return total.to(tensors[0].dtype)
