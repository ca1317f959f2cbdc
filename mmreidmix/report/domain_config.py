"""What the config of a domain says."""

import re
from collections.abc import Mapping
from pathlib import Path

from mmreidmix.toy.generator import SETTINGS_FILE

_TOY = re.compile(r'(^|[^a-z])toy', re.IGNORECASE)


def data_set(domain: Mapping) -> Mapping:
    """Config of the data set itself, where another one wraps it."""
    return domain.get('dataset', domain)


def is_toy(domain: Mapping) -> bool:
    """Whether the images of a domain are drawn by the toy generator.

    Its folder has the settings of the generator, or its name or folder is
    called toy: the images may lie on another machine.
    """
    domain = data_set(domain)
    root = str(domain.get('data_root') or domain.get('path') or '')
    return (bool(root) and Path(root, SETTINGS_FILE).is_file()) or any(
        _TOY.search(text) for text in (root, str(domain.get('name', ''))))
