"""Rooms of the package and the imports that are allowed between them.

A room is a folder or a file directly under ``mmreidmix``. Each room may import
only rooms that stand above it in ``ALLOWED``, so there is no circle. Private
parts of other packages are used in ``compat`` alone.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny import environment

ROOT = Path(__file__).resolve().parents[1]

#: Room -> rooms of the package that it may import.
ALLOWED = {
    'version': set(),
    'checks': set(),
    'choices': set(),
    'files': set(),
    'signatures': set(),
    'stored_arrays': set(),
    'timing': set(),
    'times': set(),
    'shipped': set(),
    'config_file': {'shipped'},
    '__main__': {'shipped', 'version'},
    'config_text': set(),
    'precision': set(),
    'distributed': set(),
    'command_line': {'files'},
    'compat': {'stored_arrays'},
    'checkpoint_file': {'compat'},
    'registry': {'compat', 'signatures'},
    'public_weights': {'checks', 'compat'},
    'toy': {'checks'},
    'structures': {'distributed'},
    'neighbours': {'checks', 'choices', 'precision'},
    'camera_profiles': {'checks', 'files'},
    'pseudo_labels': {'checks', 'choices', 'neighbours', 'timing'},
    'sharded': {
        'choices', 'distributed', 'neighbours', 'pseudo_labels', 'timing'
    },
    'datasets': {'checks', 'files', 'registry', 'structures'},
    'importing': {'checks', 'datasets', 'files', 'registry', 'times'},
    'evaluation': {
        'camera_profiles', 'checks', 'choices', 'distributed', 'files',
        'neighbours', 'registry'
    },
    'results': {
        'camera_profiles', 'checks', 'evaluation', 'files', 'precision',
        'registry', 'signatures', 'version'
    },
    'doctor': {
        'command_line', 'datasets', 'neighbours', 'registry', 'results',
        'toy', 'version'
    },
    'models': {
        'checkpoint_file',
        'checks', 'choices', 'compat', 'distributed', 'registry',
        'signatures', 'structures'
    },
    'visualization': {
        'checks', 'choices', 'evaluation', 'files', 'models'
    },
    'engine': {
        'checkpoint_file',
        'camera_profiles', 'checks', 'choices', 'compat', 'config_text',
        'distributed', 'doctor', 'evaluation', 'files', 'models',
        'neighbours', 'precision', 'pseudo_labels', 'registry', 'results',
        'structures', 'timing', 'visualization'
    },
    'apis': {
        'checkpoint_file',
        'camera_profiles', 'checks', 'choices', 'command_line', 'compat',
        'config_file', 'config_text', 'datasets', 'evaluation', 'files',
        'importing', 'models', 'neighbours', 'precision', 'public_weights',
        'registry', 'structures', 'times'
    },
    'report': {
        'apis', 'config_text', 'datasets', 'doctor', 'engine', 'files',
        'registry', 'results', 'shipped', 'toy', 'version', 'visualization'
    },
}

#: Rooms of functions over arrays: usable without the framework.
PURE = ('checks', 'choices', 'config_text', 'files', 'signatures', 'times',
        'timing', 'precision', 'neighbours', 'camera_profiles',
        'pseudo_labels', 'public_weights', 'toy', 'evaluation/functional')


def imported_modules(file: Path, root: Path) -> Iterator[str]:
    """Dotted names of the modules that a file imports, wherever it does."""
    package = ('mmreidmix', *file.relative_to(root).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[:len(package) - node.level + 1]
            yield '.'.join([*base, *(node.module or '').split('.')])
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f'{node.module}.{name.name}' for name in node.names
                        if node.module == 'mmreidmix')


def room_of(file: Path, root: Path) -> str:
    """First folder below the package, or the file itself."""
    return Path(file.relative_to(root).parts[0]).stem


def arrows(root: Path) -> dict[tuple[str, str], list[str]]:
    """Imports from one room into another: which files have them."""
    found = {}
    for file in sorted(root.rglob('*.py')):
        room = room_of(file, root)
        for module in imported_modules(file, root):
            first, *rest = module.split('.')
            if first == 'mmreidmix' and rest and rest[0] != room:
                found.setdefault((room, rest[0]), []).append(
                    f'{file.relative_to(root)} imports {module}')
    return found


def forbidden(root: Path, allowed: dict) -> list[str]:
    """Imports between rooms that the table does not name."""
    return [
        line for (room, other), lines in arrows(root).items()
        if room != '__init__' and other not in {'__version__', *allowed[room]}
        for line in lines
    ]


def test_imports_between_rooms_are_those_of_the_table():
    assert forbidden(ROOT / 'mmreidmix', ALLOWED) == []


def test_every_room_is_in_the_table_and_none_else():
    rooms = {
        room_of(file, ROOT / 'mmreidmix')
        for file in (ROOT / 'mmreidmix').rglob('*.py')
    }
    assert rooms - {'__init__'} == set(ALLOWED)


def test_no_room_imports_one_below_it():
    above = set()
    for room, imported in ALLOWED.items():
        assert imported <= above, room
        above.add(room)


def floors_of_the_drawing() -> dict[str, int]:
    """Room -> floor, as the page about the architecture draws it."""
    page = ROOT / 'docs' / 'en' / 'advanced_guides' / 'architecture.md'
    lines = re.findall(r'^ +(\d) \|(.+)\|$', page.read_text('utf-8'), re.M)
    return {
        word: int(floor)
        for floor, words in lines for word in words.split()
        if word in ALLOWED
    }


def test_the_drawing_shows_every_room_on_a_floor_above_what_it_uses():
    floors = floors_of_the_drawing()
    assert set(floors) == set(ALLOWED)
    for room, imported in ALLOWED.items():
        assert all(floors[other] < floors[room] for other in imported), room


def test_every_arrow_of_the_table_is_in_use():
    wanted = {(room, other) for room, others in ALLOWED.items()
              for other in others}
    assert wanted - set(arrows(ROOT / 'mmreidmix')) == set()


@pytest.mark.parametrize('text', [
    'from mmreidmix.engine import hooks',
    'import mmreidmix.engine.hooks',
    'from mmreidmix import engine',
    'from ..engine.hooks import thing',
    'def late():\n    from mmreidmix.engine import hooks',
])
def test_a_climbing_import_is_found(tmp_path, text):
    file = tmp_path / 'models' / 'thing.py'
    file.parent.mkdir()
    file.write_text(text)
    assert len(forbidden(tmp_path, ALLOWED)) == 1


@pytest.mark.parametrize('room', PURE)
def test_functions_over_arrays_import_no_framework(room):
    root = ROOT / 'mmreidmix'
    files = [*(root / room).rglob('*.py'), *root.glob(f'{room}.py')]
    assert files
    for file in files:
        roots = {m.split('.')[0] for m in imported_modules(file, root)}
        assert not roots & {'mmengine', 'mmcv', 'mmpretrain'}, file


#: Imports each module first, in a process that has torch, to be fast, but
#: nothing that :func:`mmreidmix.compat.prepare` prepares.
IMPORT_EACH = '''
import os, sys
import faiss, mmcv, mmengine.runner, numba, sklearn
assert not {'mmpretrain', 'torchvision'} & set(sys.modules)
for module in sys.argv[1:]:
    process = os.fork()
    if not process:
        __import__(module)
        os._exit(0)
    if os.waitpid(process, 0)[1]:
        sys.exit(module)
'''


def test_each_room_can_be_imported_first():
    modules = [f'mmreidmix.{room}' for room in ALLOWED]
    result = subprocess.run([sys.executable, '-c', IMPORT_EACH, *modules],
                            env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


#: Names with an underscore that are public, and why.
PUBLIC = {
    '_asdict': 'documented method of named tuples',
    '_replace': 'documented method of named tuples',
    '_encoder': 'helper variable of configs/_base_/backbones',
}


def is_private(name: str) -> bool:
    """Whether a name begins with a single underscore."""
    return name[:1] == '_' and name[:2] != '__' and name not in PUBLIC


def is_own(node: ast.expr) -> bool:
    """Whether an object is that of the method, its base or a base config."""
    if isinstance(node, ast.Call):
        return getattr(node.func, 'id', None) == 'super'
    return getattr(node, 'id', None) in ('self', 'cls', '_base_')


def private_uses(source: str) -> list[str]:
    """Private names of other modules that a file uses, with their lines.

    Names that the file itself defines are its own.
    """
    tree, found, own = ast.parse(source), [], set()
    for node in ast.walk(tree):
        names = ()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, ast.Attribute) and is_own(node.value):
            if isinstance(node.ctx, ast.Store):
                own.add(node.attr)
        elif isinstance(node, ast.Attribute):
            names = (node.attr, )
        elif isinstance(node, ast.ImportFrom) and not node.level and (
                not (node.module or '').startswith('mmreidmix')):
            names = (*node.module.split('.'), *(a.name for a in node.names))
        elif isinstance(node, ast.Import):
            names = [part for a in node.names for part in a.name.split('.')]
        elif isinstance(node, ast.Call) and len(node.args) > 1 and getattr(
                node.func, 'id', None) in ('getattr', 'hasattr', 'setattr'):
            name = node.args[1]
            names = (str(getattr(name, 'value', '')), )
        found += [(name, node.lineno) for name in names if is_private(name)]
    return [f'{line}: {name}' for name, line in found if name not in own]


def test_private_parts_of_dependencies_are_used_in_compat_alone():
    uses = {}
    for folder in ('mmreidmix', 'tools', 'projects'):
        for file in sorted((ROOT / folder).rglob('*.py')):
            lines = private_uses(file.read_text(encoding='utf-8'))
            if lines:
                uses[str(file.relative_to(ROOT))] = lines
    assert uses.pop('mmreidmix/compat.py')
    assert uses == {}


@pytest.mark.parametrize('text', [
    'runner._resume',
    'self.runner._resume',
    'runner._load_from = None',
    'runner.model._init_weights()',
    "getattr(module, '_params_init_info', None)",
    "hasattr(module, '_params_init_info')",
    'from torch.nn.modules.batchnorm import _BatchNorm',
    'from numpy._core import multiarray',
    'import numpy._core',
])
def test_a_private_part_is_found(text):
    assert len(private_uses(text)) == 1


@pytest.mark.parametrize('text', [
    'self._table', 'super()._build()', 'cls._known', 'model.__class__',
    'pair._replace(a=1)', '_base_._encoder', 'from .log import _copy',
    'getattr(module, name, None)', 'def _f(): pass\nmodule._f()',
    'class A:\n    def f(self, other):\n        self._x = other._x'
])
def test_what_is_not_private_or_ones_own(text):
    assert private_uses(text) == []
