"""Whether a domain is drawn by the toy generator."""

import re
from collections.abc import Mapping
from pathlib import Path

from mmreidmix.datasets.toy.generator import SETTINGS_FILE

_WORD = re.compile(r'(^|[^a-z])toy', re.IGNORECASE)


def is_toy(domain: Mapping) -> bool:
    """Whether the images of a domain are drawn.

    Args:
        domain (Mapping): config of a data set.

    Returns:
        bool: its folder has the settings of the generator, or its name or
        folder is called toy: the images may lie on another machine.
    """
    domain = domain.get('dataset', domain)
    root = str(domain.get('data_root', ''))
    return (bool(root) and Path(root, SETTINGS_FILE).is_file()) or bool(
        _WORD.search(root) or _WORD.search(str(domain.get('name', ''))))
