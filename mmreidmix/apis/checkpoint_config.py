"""The components that a config inside a checkpoint names."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

# Scopes of whose registries components are taken from a checkpoint
_SCOPES = ('mmreidmix', 'mmengine', 'mmcv', 'mmpretrain')
# Of MMPretrain's: networks and transforms. It also registers what loads files
# or runs code by name, such as models of transformers and timm.
_MMPRETRAIN = ('mmpretrain.models.backbones.', 'mmpretrain.models.necks.',
               'mmpretrain.models.heads.', 'mmpretrain.models.losses.',
               'mmpretrain.models.utils.data_preprocessor',
               'mmpretrain.models.utils.clip_generator_helper',  # QuickGELU
               'mmpretrain.datasets.transforms.', 'mmcv.transforms.')
_LOADERS = ('mmpretrain.models.backbones.timm_backbone', )


def check_types(cfg: Any, registry: Registry, where: str) -> None:
    """Refuse a config with components, at any depth, that no registry names.

    A registry imports whatever a dotted name says.

    Raises:
        ValueError: a ``type`` is in no registry of that kind, or may load
            files or run code; ``where`` is the file, for the message.
    """
    for name in _types(cfg):
        found = _find(name, registry)
        if found is None:
            raise ValueError(
                f'{where}: its config names {name!r}, which is no registered '
                f'{registry.name}. If you trust the file, import the package '
                'that registers it first, or give its config file and the '
                'checkpoint as `weights`')
        if name.startswith('mmpretrain.') and not _is_plain(found):
            raise ValueError(
                f'{where}: its config names {name!r}, which may load other '
                'files or run code. If you trust the file, give its config '
                'file and the checkpoint as `weights`')


def without_init(cfg: Any) -> Any:
    """A config without the files that a training starts from."""
    if isinstance(cfg, Mapping):
        return {key: without_init(value) for key, value in cfg.items()
                if key not in ('init_cfg', 'pretrained')}
    if isinstance(cfg, (list, tuple)):
        return type(cfg)(without_init(value) for value in cfg)
    return cfg


def _types(cfg: Any) -> Iterator[str]:
    if isinstance(cfg, Mapping):
        if 'type' in cfg:
            yield cfg['type']
        cfg = cfg.values()
    elif not isinstance(cfg, (list, tuple)):
        return
    for value in cfg:
        yield from _types(value)


def _find(name: object, registry: Registry) -> Any:
    """The registered component of a name; None for none."""
    if not isinstance(name, str):
        return None
    scope, dot, key = name.rpartition('.')
    if dot and scope not in _SCOPES:
        return None
    candidates = [registry, registry.parent]
    if scope == 'mmpretrain':
        from mmpretrain import registry as mmpretrain_registry
        kind = registry.name.replace(' ', '_').upper() + 'S'
        candidates = [getattr(mmpretrain_registry, kind)]
    for candidate in candidates:
        candidate.import_from_location()
        if key in candidate.module_dict:
            return candidate.module_dict[key]
    return None


def _is_plain(component: Any) -> bool:
    # Transforms of torchvision are wrapped by functools.
    place = getattr(component, '__module__', '')
    return place == 'functools' or (
        place.startswith(_MMPRETRAIN) and not place.startswith(_LOADERS))
