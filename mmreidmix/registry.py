"""The registries of mmreidmix.

Each one is a child of MMEngine's registry of the same name, so a config finds
MMEngine's and MMCV's components by their plain names, and MMPretrain's by
``type='mmpretrain.ResNet'``.
"""

from typing import Optional, Union

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from mmreidmix.compat import import_mmcv, prepare

prepare()
import_mmcv()


def _child(parent: str, location: str) -> Registry:
    registry = getattr(mmengine_registry, parent)
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
