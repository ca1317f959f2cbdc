"""The state dict inside a public checkpoint."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional

from mmreidmix.checks import name_some

#: Keys of a checkpoint that hold the weights, the first that is there counts.
WRAPPERS = ('state_dict_ema', 'state_dict', 'model', 'net', 'teacher',
            'student')
# Put before every key by what ran the network.
_COMMON = ('module.', '_orig_mod.', 'model.', 'net.')
# Put before the keys of the network by what trained it, beside others.
_INNER = ('backbone.', 'base.', 'encoder_q.', 'image_encoder.', 'extractor.',
          'model.')


class Part(NamedTuple):
    """Weights below a prefix, without it; and the keys beside it."""

    prefix: str
    state: dict[str, Any]
    beside: list[str]


def find_state(checkpoint: Mapping) -> tuple[dict[str, Any], str]:
    """Take the weights out of a checkpoint.

    Returns:
        tuple[dict[str, Tensor], str]: the state dict, its fractions in
        float32; and where it was, for the user.

    Raises:
        ValueError: there is none.
    """
    place = []
    wrapper = _wrapper(checkpoint)
    while wrapper is not None:
        others = [key for key in WRAPPERS if key != wrapper and isinstance(
            checkpoint.get(key), Mapping)]
        place.append(f'from {wrapper!r}' + (
            f' (also there: {name_some(others)})' if others else ''))
        checkpoint = checkpoint[wrapper]
        wrapper = _wrapper(checkpoint)
    wrong = [key for key, value in checkpoint.items()
             if not isinstance(key, str) or not _is_plain(value)]
    if wrong or not checkpoint:
        raise ValueError(
            'expected a state dict (names -> dense tensors of real numbers), '
            f'alone or under one of the keys {name_some(WRAPPERS, 9)}; ' + (
                f'not such: {name_some(wrong)}' if wrong else 'it is empty'))
    state = {key: value.float() if value.is_floating_point() else value
             for key, value in checkpoint.items()}
    return state, ', '.join(place)


def parts(state: Mapping[str, Any],
          prefix: Optional[str] = None) -> Iterator[Part]:
    """What of a state dict may be a network: all, or what is below a prefix.

    Prefixes that all keys have are left out first.

    Args:
        state (Mapping[str, Tensor]): see :func:`find_state`.
        prefix (str, optional): as the user gives it; then this part alone.

    Raises:
        ValueError: no key begins with ``prefix``.
    """
    state, common = _without_common(state)
    if prefix is None:
        yield Part(common, state, [])
    for begin in _INNER if prefix is None else (prefix.rstrip('.') + '.', ):
        below = {key[len(begin):]: value for key, value in state.items()
                 if key.startswith(begin)}
        if below:
            beside = [key for key in state if not key.startswith(begin)]
            below, inner = _without_common(below)
            yield Part(common + begin + inner, below, beside)
        elif prefix is not None:
            first = sorted({key.partition('.')[0] for key in state})
            raise ValueError(f'--prefix: no key begins with {begin!r}; they '
                             f'begin with {name_some(first, 9)}')


def _wrapper(checkpoint: Mapping) -> Optional[str]:
    return next((key for key in WRAPPERS if isinstance(
        checkpoint.get(key), Mapping)), None)


def _without_common(state: Mapping) -> tuple[dict[str, Any], str]:
    """A state dict without prefixes that all keys have, and these."""
    state, found = dict(state), ''
    while True:
        prefix = next((prefix for prefix in _COMMON
                       if all(key.startswith(prefix) for key in state)), None)
        if prefix is None:
            return state, found
        state = {key[len(prefix):]: value for key, value in state.items()}
        found += prefix


def _is_plain(value: Any) -> bool:
    """Whether something is a tensor, and not sparse, quantized or complex."""
    import torch  # not above: --help must not wait for it
    return isinstance(value, torch.Tensor) and not (
        value.layout != torch.strided or value.is_quantized
        or value.is_complex())
