"""Clusterers by name."""

from collections.abc import Callable, Mapping
from typing import Optional

from mmreidmix.pseudo_labels import FINCH, JaccardDBSCAN, KMeans
from mmreidmix.registry import TASK_UTILS

# Registered here, because pseudo_labels does not import MMEngine.
CLUSTERERS = (JaccardDBSCAN, FINCH, KMeans)
for _clusterer in CLUSTERERS:
    TASK_UTILS.register_module(module=_clusterer)


def build_clusterer(clustering: Optional[Mapping] = None) -> Callable:
    """Build a clusterer from a config.

    Args:
        clustering (Mapping, optional): its options, with ``type`` the name of
            a class registered in ``TASK_UTILS``, or the class;
            ``JaccardDBSCAN`` where it is missing.

    Raises:
        ValueError: no class of that name is registered.
    """
    options = dict(clustering or {})
    name = options.setdefault('type', JaccardDBSCAN.__name__)
    if isinstance(name, str) and TASK_UTILS.get(name) is None:
        known = ', '.join(clusterer.__name__ for clusterer in CLUSTERERS)
        raise ValueError(
            f'clustering type {name!r} is unknown: expected one of {known}, '
            'or a class of your own that is registered in '
            'mmreidmix.registry.TASK_UTILS and imported by custom_imports')
    return TASK_UTILS.build(options)
