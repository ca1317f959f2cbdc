"""The registries of mmreidmix.

Each one is a child of MMEngine's registry of the same name, so a config finds
MMEngine's and MMCV's components by their plain names, and MMPretrain's by
``type='mmpretrain.ResNet'``.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import Any, Optional, Union

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from mmreidmix.compat import import_mmcv, prepare
from mmreidmix.signatures import options_of

prepare()
import_mmcv()


def _explained(build: Callable) -> Callable:
    """A build function whose errors name the nearest known key or type."""

    @wraps(build)
    def build_explained(cfg: Any, *args: Any, registry: Registry,
                        **kwargs: Any) -> Any:
        _check_numbers(cfg, registry)
        try:
            return build(cfg, *args, registry=registry, **kwargs)
        except (TypeError, KeyError) as error:
            text = _explanation(cfg, registry, str(error))
            if text is None:
                raise
            raise ValueError(text) from error

    return build_explained


def _check_numbers(cfg: Any, registry: Registry) -> None:
    """Raise ValueError for text in place of a number or of True and False.

    ``cross_camera='no'`` would count as true.
    """
    found = _kind(cfg, registry)
    if not isinstance(found, type):
        return
    for name, option in options_of(found).items():
        expected = option.annotation
        if expected in (bool, int, float) and isinstance(cfg.get(name), str):
            raise ValueError(f'{found.__name__}: {name} must be of type '
                             f'{expected.__name__}, got {cfg[name]!r}')


def _kind(cfg: Any, registry: Registry) -> Any:
    """What a config builds: a class or function; None if it is not known."""
    kind = cfg.get('type') if isinstance(cfg, Mapping) else None
    if not isinstance(kind, str):
        return kind
    with registry.switch_scope_and_registry(cfg.get('_scope_')) as own:
        return own.get(kind)


def _explanation(cfg: Any, registry: Registry, error: str) -> Optional[str]:
    option = re.search(r"unexpected keyword argument '(\w+)'", error)
    others = [key for key in cfg if key != 'type'] if isinstance(
        cfg, Mapping) else []
    unknown = option[1] if option else (
        others[0] if others and 'takes no arguments' in error else None)
    found = _kind(cfg, registry)
    if found is None and isinstance(cfg, Mapping) and 'type' in cfg:
        with registry.switch_scope_and_registry(None) as own:
            return (f'there is no {own.name} {cfg["type"]!r}'
                    f'{_nearest_type(cfg["type"], own)}')
    if unknown not in others or not isinstance(found, type):
        return None
    known = [*options_of(found)]
    if unknown in known:  # passed on to something that does not know it
        return None
    return (f'{found.__name__} has no option {unknown!r}'
            f'{_nearest(unknown, known)}')


def _nearest(name: str, known: list) -> str:
    near = get_close_matches(name, known, 1, 0.7)
    if near:
        return f'; did you mean {near[0]!r}?'
    return f', only {", ".join(known)}' if 0 < len(known) <= 20 else ''


def _nearest_type(name: str, registry: Registry) -> str:
    if registry.name == 'model':
        # Imported here: it takes seconds, and only an error needs it.
        from mmpretrain.models import BACKBONES
        for other in BACKBONES.module_dict:
            if other.lower() == name.rsplit('.')[-1].lower():
                return f"; did you mean 'mmpretrain.{other}'?"
    return _nearest(name, _known_types(registry))


def _known_types(registry: Optional[Registry]) -> list[str]:
    known: list[str] = []
    while registry is not None:
        known += registry.module_dict
        registry = registry.parent
    return known


def _child(parent: str, location: str) -> Registry:
    registry = getattr(mmengine_registry, parent)
    # MMEngine builds by the parent what a runner has.
    registry.build_func = _explained(registry.build_func)
    return Registry(
        registry.name,
        parent=registry,
        scope='mmreidmix',
        locations=[f'mmreidmix.{location}'])


def class_of(registry: Registry, kind: Union[str, type]) -> Optional[type]:
    """The class that a config means by ``type``: a name, or the class.

    None where the name is not registered, or not yet.
    """
    return registry.get(kind) if isinstance(kind, str) else kind


RUNNERS = _child('RUNNERS', 'engine')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS', 'engine')
LOOPS = _child('LOOPS', 'engine')
HOOKS = _child('HOOKS', 'engine')
LOG_PROCESSORS = _child('LOG_PROCESSORS', 'engine')
OPTIMIZERS = _child('OPTIMIZERS', 'engine')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS', 'engine')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS', 'engine')
DATASETS = _child('DATASETS', 'datasets')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'datasets')
TRANSFORMS = _child('TRANSFORMS', 'datasets')
MODELS = _child('MODELS', 'models')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'models')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'models')
TASK_UTILS = _child('TASK_UTILS', 'models')
METRICS = _child('METRICS', 'evaluation')
EVALUATOR = _child('EVALUATOR', 'evaluation')
VISUALIZERS = _child('VISUALIZERS', 'visualization')
VISBACKENDS = _child('VISBACKENDS', 'visualization')
INFERENCERS = _child('INFERENCERS', 'apis.inferencer')
