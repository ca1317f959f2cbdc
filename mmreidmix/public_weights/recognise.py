"""Which project a file is of, and its weights under the names here."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Optional

from mmreidmix.checks import check_choice, name_some

from . import (
    clip_reid,
    dino,
    fastreid,
    numbered_resnet,
    oml,
    pass_reid,
    solider,
    strong_baseline,
    timm_network,
    torchreid,
    torchvision,
    transreid,
)
from .family import Family, Network
from .unwrap import Part, find_state, parts

FAMILIES = (
    torchreid.OSNET,
    torchreid.RESNET,
    fastreid.PLAIN,
    fastreid.REDUCED,
    strong_baseline.FAMILY,
    numbered_resnet.RELU,
    numbered_resnet.NO_RELU,
    numbered_resnet.BAU,
    torchvision.RESNET,
    torchvision.IBN_NET,
    torchvision.MOBILENET,
    transreid.FAMILY,
    transreid.PRETRAINED,
    transreid.BAU,
    pass_reid.FINE_TUNED,
    pass_reid.PRETRAINED,
    clip_reid.FAMILY,
    solider.REID,
    solider.PRETRAINED,
    dino.DINO,
    dino.TIMM,
    oml.VIT,
    oml.RESNET,
)
SOURCES = (*(family.name for family in FAMILIES), timm_network.NAME)

_PREFIX = '--prefix names the part of the file that is the network'
# What may stand beside the network without being part of the embedding.
_BESIDE = (r'(?:.*\.)?(?:fc|heads?|classifier\w*|criterion|encoder_k|queue'
           r'|queue_ptr|projector|predictor|dino_head|prompt_learner'
           r'|text_encoder)(?:\..+)?')


@dataclass(frozen=True)
class Converted:
    """Weights under the names of this project.

    Attributes:
        source (str): name of the family.
        network (Network): what was read off the weights.
        state (dict[str, Tensor]): ``backbone.*``, ``neck.*``, ``bnneck.*``.
        dropped (list[str]): keys of the file that were left out.
        place (str): where in the file the weights were, for the user.
    """

    source: str
    network: Network
    state: dict[str, Any]
    dropped: list[str]
    place: str


def convert(checkpoint: Mapping,
            source: Optional[str] = None,
            size: Optional[tuple[int, int]] = None,
            prefix: Optional[str] = None,
            architecture: Optional[str] = None) -> Converted:
    """Recognise a public checkpoint and rename its weights.

    Args:
        checkpoint (Mapping): what the file holds.
        source (str, optional): one of :data:`SOURCES`; None: as the keys say.
        size (tuple[int, int], optional): height and width of the images in
            place of the project's.
        prefix (str, optional): only keys below it are looked at.
        architecture (str, optional): name of the network in timm, for files
            of timm.

    Raises:
        ModuleNotFoundError: timm is missing, for its files.
        ValueError: it is of no known project, or of several; it has other
            keys; or its shapes are those of no known network.
    """
    state, place = find_state(checkpoint)
    family, part = _recognise(state, source, prefix,
                              _families(source, architecture))
    renamed, dropped, unknown = family.rename(part.state)
    if unknown:
        raise ValueError(
            f'{len(unknown)} of {len(part.state)} keys are not those of a '
            f'{family.name} file: {_with_nearest(unknown, part.state)}')
    if not renamed:
        raise ValueError('there are no weights of a backbone among '
                         f'{name_some(part.state)}')
    network = family.describe(renamed, size)
    if family.adjust is not None:
        renamed = _adjusted(family.adjust, renamed, network)
    if part.prefix:
        place = f'{place}, below {part.prefix!r}'.lstrip(', ')
    return Converted(family.name, network, renamed, part.beside + dropped,
                     place)


def _adjusted(adjust: Callable[[dict, Network], dict], state: dict,
              network: Network) -> dict:
    try:
        return adjust(state, network)
    except (IndexError, KeyError, RuntimeError) as error:
        # The first and the last are torch's for shapes that do not fit.
        raise ValueError(
            f'weights of {network.architecture} are missing or do not go '
            f'together: {error}') from error


def families_of(keys: Mapping) -> list[Family]:
    """The families whose files have such keys."""
    return [family for family in FAMILIES if family.fits(keys)]


def _families(source: Optional[str],
              architecture: Optional[str]) -> Sequence[Family]:
    """The families that a file may be of, by the options of the user."""
    if source is not None:
        check_choice('--from', SOURCES, source=source)
    if source == timm_network.NAME or (architecture and source is None):
        return [timm_network.family_of(architecture)]
    if architecture:
        raise ValueError('--architecture is for files of timm, got --from '
                         f'{source}')
    return [family for family in FAMILIES if source in (None, family.name)]


def _recognise(state: Mapping, source: Optional[str], prefix: Optional[str],
               families: Sequence[Family]) -> tuple[Family, Part]:
    candidates = list(parts(state, prefix))
    for part in candidates:
        if prefix is None and _foreign(part):
            continue
        found = [family for family in families if family.fits(part.state)
                 and (source or part.prefix.endswith(family.prefix))]
        if len(found) > 1:
            names = name_some((family.name for family in found), 9)
            raise ValueError(f'the keys fit several projects: {names}. Name '
                             'one with --from')
        if found:
            return found[0], part
    raise ValueError(_nothing_fits(candidates, source, families))


def _nothing_fits(candidates: Sequence[Part], source: Optional[str],
                  families: Sequence[Family]) -> str:
    """What to say of a file of no known project: the nearest one."""
    best: Optional[Family] = None
    known, unknown = 0, list(candidates[0].state)
    for part in candidates:
        for family in families:
            renamed, dropped, others = family.rename(part.state)
            if len(renamed) > known:
                best, known = family, len(renamed)
                unknown = [part.prefix + key for key in others]
                unknown += _foreign(part)
    state = candidates[0].state
    if best is None:
        if source is not None:
            return (f'the keys are not those of a {source} file: '
                    f'{name_some(state)}. Without --from all projects are '
                    f'tried; {_PREFIX}')
        return (f'the keys are those of no known project: '
                f'{name_some(state)}. Known: {name_some(SOURCES, 30)}; '
                f'{_PREFIX}')
    marks = name_some((mark.replace('\\', '') for mark in best.marks), 9)
    what = (f'not known there: {_with_nearest(unknown, state)}' if unknown
            else f'one of these is missing: {marks}')
    return (f'the keys are not those of a file of {source or "any project"}. '
            f'Nearest is {best.name}, with {known} of {len(state)} keys; '
            f'{what}; {_PREFIX}')


def _foreign(part: Part) -> list[str]:
    """Keys beside a part that may belong to the embedding."""
    return [key for key in part.beside if not re.fullmatch(_BESIDE, key)]


def _with_nearest(unknown: Sequence[str], state: Mapping,
                  limit: int = 5) -> str:
    """Some names, each with the nearest of the others."""
    known = [key for key in state if key not in {*unknown}]
    shown = []
    for key in unknown[:limit]:
        near = get_close_matches(key, known, 1)
        shown.append(repr(key) + (f' (like {near[0]!r}?)' if near else ''))
    more = len(unknown) - limit
    return ', '.join(shown) + (f' and {more} more' if more > 0 else '')
