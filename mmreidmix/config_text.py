"""Configs as plain values: read without running them, and compared."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

#: Stands for a key that is not there.
ABSENT = object()


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


def tells_of_training(cfg: Mapping) -> bool:
    """Whether the config of a checkpoint is that of a training.

    That of converted weights of others has network and preparation alone.
    """
    return 'train_cfg' in cfg


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


def differences(base: Any, run: Any, path: tuple = ()
                ) -> Iterator[tuple[tuple, Any, Any]]:
    """Yield path and both values of what differs, :data:`ABSENT` for none.

    A dictionary that one of them lacks as a whole is one difference.
    """
    keys: Collection
    if isinstance(base, Mapping) and isinstance(run, Mapping):
        keys = sorted({**base, **run}, key=str)
    elif _holds_mappings(base) and _holds_mappings(run) and (
            len(base) == len(run)):
        keys = range(len(base))
    else:
        if not same(base, run):
            yield path, base, run
        return
    for key in keys:
        yield from differences(
            value_at(base, (key, )), value_at(run, (key, )), (*path, key))


def _holds_mappings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(item, Mapping) for item in value)


def value_at(config: Any, path: Sequence) -> Any:
    """What a config has at a path of keys, :data:`ABSENT` for nothing."""
    for key in path:
        try:
            config = config[key]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return config


def same(first: Any, second: Any) -> bool:
    """Whether values are equal, lists and tuples being alike."""
    return _plain(first) == _plain(second)


def _plain(value: Any) -> Any:
    """Lists for tuples: one may have become the other on the way to a file."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
