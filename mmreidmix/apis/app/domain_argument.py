"""A data set named on the command line."""

import argparse
from ast import literal_eval
from typing import Any

from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.registry import DATASETS


def parse_domain(text: str) -> dict:
    """Read ``Type:path[:key=value,...]`` as the config of a domain."""
    parts = text.split(':')
    if len(parts) not in (2, 3) or not all(parts):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not TYPE:PATH or TYPE:PATH:KEY=VALUE,...')
    kind = DATASETS.get(parts[0])
    if kind is None or not issubclass(kind, BaseReIDDataset):
        known = sorted(name for name, item in DATASETS.module_dict.items()
                       if issubclass(item, BaseReIDDataset))
        raise argparse.ArgumentTypeError(
            f'{parts[0]!r} is no data set type; there are {", ".join(known)}')
    domain = {'type': parts[0], 'data_root': parts[1]}
    for option in parts[2].split(',') if len(parts) == 3 else ():
        key, equals, value = option.partition('=')
        if not equals or not key:
            raise argparse.ArgumentTypeError(
                f'{option!r} in {text!r} is not KEY=VALUE')
        domain[key] = _literal(value)
    return domain


def _literal(text: str) -> Any:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
