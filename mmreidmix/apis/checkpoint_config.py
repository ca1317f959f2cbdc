"""The config inside a checkpoint, read without running it."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

# Scopes of whose registries components are taken from a checkpoint
_SCOPES = ('mmreidmix', 'mmengine', 'mmcv', 'mmpretrain')


def parse_config(text: str) -> dict:
    """Read the text that MMEngine keeps of a config.

    The text, ``checkpoint['meta']['cfg']``, is Python; run, it could do
    anything on behalf of whoever made the file. Here only assignments of
    literals and ``dict(...)`` are understood. Names with another kind of value
    are absent.

    Raises:
        ValueError: it is no Python.
    """
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f'the config in the checkpoint can not be read: '
                         f'{error}') from error
    found = {}
    for statement in statements:
        if not isinstance(statement, ast.Assign):
            continue
        try:
            value = ast.literal_eval(_Literal().visit(statement.value))
        except ValueError:
            continue
        for target in statement.targets:
            if isinstance(target, ast.Name):
                found[target.id] = value
    return found


class _Literal(ast.NodeTransformer):
    """``dict(a=1)`` as ``{'a': 1}`` and ``dict({'a-b': 1})`` as its inside."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            return node
        if any(word.arg is None for word in node.keywords) or not all(
                isinstance(part, ast.Dict) for part in node.args):
            return node
        keys = [key for part in node.args for key in part.keys]
        values = [value for part in node.args for value in part.values]
        return ast.Dict(
            keys + [ast.Constant(word.arg) for word in node.keywords],
            values + [word.value for word in node.keywords])


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
