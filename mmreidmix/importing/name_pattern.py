"""What the names of images say: patterns such as ``{pid}/{camid}_{any}``."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Optional

from mmreidmix.checks import name_some

#: Fields of a pattern: those that name something, and the rest.
FIELDS = ('pid', 'camid', 'tracklet', 'time', 'subset')
_WORD = re.compile(r'\{([^{}]*)\}')
#: Tried in this order where no pattern is given.
_KNOWN = (
    '{pid}_c{camid}s{any}_{any}', '{pid}_cam{camid}_{any}',
    '{pid}_c{camid}_{any}', '{pid}_C{camid}_{any}', '{pid}/cam{camid}_{any}',
    '{pid}/{camid}_{any}', '{pid}/{camid}/{any}', '{camid}/{pid}/{any}',
    '{camid}/{pid}_{any}', '{pid}_{camid}_{any}', '{pid}/{any}')


class Proposal(NamedTuple):
    """A pattern that fits all names, and what it says of them."""

    pattern: str
    num_pids: int
    num_cams: int
    across: int  # people that two cameras or more see


def compile_template(template: str) -> re.Pattern:
    """A pattern as a regular expression for the end of a path.

    ``{pid}``, ``{camid}``, ``{tracklet}``, ``{time}`` and ``{subset}`` stand
    for what is to be read, ``{any}`` for anything; none of them holds a '/'.
    Folders above those of the pattern may be any. A pattern with ``(?P<`` is
    a regular expression for the whole path already.

    Raises:
        ValueError: an unknown field, one twice, or no field at all.

    Examples:
        >>> pattern = compile_template('{pid}/{camid}_{any}.png')
        >>> pattern.fullmatch('train/0012/03_front.png').groupdict()
        {'pid': '0012', 'camid': '03'}
    """
    if '(?P<' in template:
        return _regular_expression(template)
    fields = [name for name in _WORD.findall(template) if name != 'any']
    wrong = [name for name in fields if name not in FIELDS]
    if wrong:
        raise ValueError(f'the pattern {template!r} has {{{wrong[0]}}}; there '
                         f'are {_in_braces((*FIELDS, "any"))}')
    if len(set(fields)) < len(fields):
        raise ValueError(f'the pattern {template!r} names a field twice')
    if not fields:
        raise ValueError(f'the pattern {template!r} names no field; there are '
                         f'{_in_braces(FIELDS)}')
    parts = _WORD.split(template)
    text = ''.join(
        re.escape(part) if i % 2 == 0 else
        '[^/]+?' if part == 'any' else f'(?P<{part}>[^/]+?)'
        for i, part in enumerate(parts))
    return re.compile(f'(?:.*/)?{text}', re.DOTALL)


def _regular_expression(text: str) -> re.Pattern:
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise ValueError(f'the pattern {text!r} is not a regular expression: '
                         f'{error}') from None
    wrong = sorted(set(compiled.groupindex) - set(FIELDS))
    if wrong:
        raise ValueError(f'the pattern {text!r} has the group {wrong[0]!r}; '
                         f'there are {name_some(FIELDS, len(FIELDS))}')
    return compiled


def _in_braces(names: Sequence[str]) -> str:
    return ', '.join(f'{{{name}}}' for name in names)


def read_names(names: Sequence[str], template: str) -> dict[str, list[str]]:
    """Fields of all names.

    Returns:
        dict[str, list[str]]: field -> N texts, '' where a group is absent.

    Raises:
        ValueError: the pattern is wrong, or does not fit a name.
    """
    pattern = compile_template(template)
    matches = [pattern.fullmatch(name) for name in names]
    wrong = [name for name, match in zip(names, matches) if match is None]
    if wrong:
        raise ValueError(
            f'{len(wrong):,} of {len(names):,} images do not follow the '
            f'pattern {template!r}, e.g. {name_some(wrong, 3)}. A pattern '
            'describes the end of a path, with its suffix; a field holds no '
            "'/'")
    return {
        field: [match[field] or '' for match in matches]  # type: ignore
        for field in pattern.groupindex}


def propose(names: Sequence[str]) -> Optional[Proposal]:
    """The pattern that the names of labelled images seem to follow.

    Of those that fit all names and tell people apart, the one by which most
    people are seen by two cameras, the first if there are several.
    """
    found = []
    for template in _KNOWN:
        matches = list(map(compile_template(template).fullmatch, names))
        if not all(matches):
            continue
        pairs = {(match['pid'], match.groupdict().get('camid'))
                 for match in matches if match}
        cameras_of = Counter(pid for pid, _ in pairs)
        num_cams = len({camera for _, camera in pairs})
        if _can_be(list(cameras_of), num_cams, len(names), template):
            across = sum(count > 1 for count in cameras_of.values())
            found.append(
                Proposal(template, len(cameras_of), num_cams, across))
    return max(found, key=lambda p: p.across, default=None)


def _can_be(pids: Sequence[str], num_cams: int, num: int,
            template: str) -> bool:
    """People have several images, and there are fewer cameras."""
    return 1 < len(pids) <= num / 2 and num_cams <= max(len(pids), 2) and (
        '/' in template or all(map(str.isdecimal, pids)))
