"""A data set named on the command line."""

import argparse
import re
from ast import literal_eval
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# A path may hold colons, as C:\data does; options begin as one does.
_IMPORTED = re.compile(
    r'(?P<path>.+?)(?::(?P<options>[A-Za-z_]\w*=.*))?', re.DOTALL)
_DOMAIN = re.compile(r'(?P<type>\w+):' + _IMPORTED.pattern, re.DOTALL)


def parse_domain(text: str) -> dict:
    """Read ``Type:path[:key=value,...]`` as the config of a domain.

    The folder of an imported domain alone is one as well. Whether there is
    such a type is told by :func:`check_domains`.
    """
    match = _IMPORTED.fullmatch(text)
    if not match or not Path(match['path'], 'domain.json').is_file():
        match = _DOMAIN.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not TYPE:PATH or TYPE:PATH:KEY=VALUE,..., and no '
            'folder that import_domain.py has written: import it first')
    domain = {'type': match.groupdict().get('type', 'Domain'),
              'data_root': match['path']}
    for option in match['options'].split(',') if match['options'] else ():
        key, equals, value = option.partition('=')
        if not equals or not key:
            raise argparse.ArgumentTypeError(
                f'{option!r} in {text!r} is not KEY=VALUE')
        domain[key] = _literal(value)
    return domain


def check_domains(domains: Iterable[dict]) -> None:
    """Raise ValueError for a domain whose type is no data set."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.datasets import BaseReIDDataset
    from mmreidmix.registry import DATASETS
    for domain in domains:
        kind = DATASETS.get(domain['type'])
        if kind is None or not issubclass(kind, BaseReIDDataset):
            known = sorted(name for name, item in DATASETS.module_dict.items()
                           if issubclass(item, BaseReIDDataset))
            raise ValueError(
                f'{domain["type"]!r} is no data set type; there are '
                f'{", ".join(known)}. One of your own is known to a config '
                'that names its module in `custom_imports`')


def _literal(text: str) -> Any:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
