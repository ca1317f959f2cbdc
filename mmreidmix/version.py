"""Version of mmreidmix, and of what it stands on."""

import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

__version__ = '0.1.0'

#: Distributions that results depend on. Of some packages there are several:
#: the name says whose is installed.
PACKAGES = (
    'torch', 'torchvision', 'numpy', 'mmengine', 'onedl-mmengine', 'mmcv',
    'mmcv-lite', 'onedl-mmcv', 'mmpretrain', 'onedl-mmpretrain', 'faiss-cpu')


def installed_versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that are installed."""
    found = dict(python=sys.version.split()[0])
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
