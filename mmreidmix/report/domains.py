"""The domains that a config and result files name."""

import re
from collections.abc import Mapping
from pathlib import Path

from mmreidmix.datasets.toy.generator import SETTINGS_FILE
from mmreidmix.results.checkpoint_rule import domains_of

from .work_dir import WorkDir

_TOY = re.compile(r'(^|[^a-z])toy', re.IGNORECASE)


def trained_domains(work: WorkDir) -> list[Mapping]:
    """Configs of the data sets of the training."""
    return domains_of(work.config, 'train_dataloader')


def tested_domains(work: WorkDir) -> list[Mapping]:
    """Those of the validation, and what the result files say of theirs."""
    return domains_of(work.config, 'val_dataloader') + [
        domain for result in work.results.values()
        for domain in result['domains']]


def data_set(domain: Mapping) -> Mapping:
    """Config of the data set itself, where another one wraps it."""
    return domain.get('dataset', domain)


def domain_name(domain: Mapping) -> str:
    """Name of a domain, else the type of its data set."""
    return str(domain.get('name') or domain.get('type'))


def is_toy(domain: Mapping) -> bool:
    """Whether the images of a domain are drawn by the toy generator.

    Its folder has the settings of the generator, or its name or folder is
    called toy: the images may lie on another machine.
    """
    domain = data_set(domain)
    root = str(domain.get('data_root', ''))
    return (bool(root) and Path(root, SETTINGS_FILE).is_file()) or any(
        _TOY.search(text) for text in (root, str(domain.get('name', ''))))
