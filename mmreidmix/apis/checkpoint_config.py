"""The components that a config inside a checkpoint names."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

# Scopes of whose registries components are taken from a checkpoint
_SCOPES = ('mmreidmix', 'mmengine', 'mmcv', 'mmpretrain')


def check_types(cfg: Any, registry: Registry, where: str) -> None:
    """Refuse a config with components, at any depth, that no registry names.

    A registry imports whatever a dotted name says.

    Raises:
        ValueError: a ``type`` is in no registry of that kind; ``where`` is
            the file, for the message.
    """
    for name in _types(cfg):
        if not _registered(name, registry):
            raise ValueError(
                f'{where}: its config names {name!r}, which is no registered '
                f'{registry.name}. If you trust the file, import the package '
                'that registers it first, or give its config file and the '
                'checkpoint as `weights`')


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


def _registered(name: object, registry: Registry) -> bool:
    if not isinstance(name, str):
        return False
    scope, dot, key = name.rpartition('.')
    if dot and scope not in _SCOPES:
        return False
    candidates = [registry, registry.parent]
    if scope == 'mmpretrain':
        from mmpretrain import registry as mmpretrain_registry
        kind = registry.name.replace(' ', '_').upper() + 'S'
        candidates = [getattr(mmpretrain_registry, kind)]
    for candidate in candidates:
        candidate.import_from_location()
        if key in candidate.module_dict:
            return True
    return False
