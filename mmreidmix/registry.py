"""The registries of mmreidmix.

Each one is a child of MMEngine's registry of the same name, so a config finds
MMEngine's and MMCV's components by their plain names, and MMPretrain's by
``type='mmpretrain.ResNet'``.
"""

from typing import Optional, Union

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def _child(name: str, parent: str, *locations: str) -> Registry:
    return Registry(
        name,
        parent=getattr(mmengine_registry, parent),
        scope='mmreidmix',
        locations=[f'mmreidmix.{location}' for location in locations])


def class_of(registry: Registry, kind: Union[str, type]) -> Optional[type]:
    """The class that a config means by ``type``: a name, or the class.

    None where the name is not registered, or not yet.
    """
    return registry.get(kind) if isinstance(kind, str) else kind


RUNNERS = _child('runner', 'RUNNERS', 'engine')
RUNNER_CONSTRUCTORS = _child('runner constructor', 'RUNNER_CONSTRUCTORS',
                             'engine')
LOOPS = _child('loop', 'LOOPS', 'engine')
HOOKS = _child('hook', 'HOOKS', 'engine')
LOG_PROCESSORS = _child('log processor', 'LOG_PROCESSORS', 'engine')
OPTIMIZERS = _child('optimizer', 'OPTIMIZERS', 'engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', 'OPTIM_WRAPPERS', 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optimizer wrapper constructor',
                                    'OPTIM_WRAPPER_CONSTRUCTORS', 'engine')
PARAM_SCHEDULERS = _child('parameter scheduler', 'PARAM_SCHEDULERS', 'engine')
DATASETS = _child('dataset', 'DATASETS', 'datasets')
DATA_SAMPLERS = _child('data sampler', 'DATA_SAMPLERS', 'datasets')
TRANSFORMS = _child('transform', 'TRANSFORMS', 'datasets')
MODELS = _child('model', 'MODELS', 'models')
MODEL_WRAPPERS = _child('model wrapper', 'MODEL_WRAPPERS', 'models')
WEIGHT_INITIALIZERS = _child('weight initializer', 'WEIGHT_INITIALIZERS',
                             'models')
TASK_UTILS = _child('task util', 'TASK_UTILS', 'models')
METRICS = _child('metric', 'METRICS', 'evaluation')
EVALUATOR = _child('evaluator', 'EVALUATOR', 'evaluation')
VISUALIZERS = _child('visualizer', 'VISUALIZERS', 'visualization')
VISBACKENDS = _child('vis_backend', 'VISBACKENDS', 'visualization')
INFERENCERS = _child('inferencer', 'INFERENCERS', 'apis')
