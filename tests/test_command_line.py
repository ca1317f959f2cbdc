import argparse
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import mmreidmix
from mmreidmix import apis
from mmreidmix.command_line import (
    CfgOptions,
    output_file,
    output_folder,
    printable,
    run_main,
    run_tool,
)
from tests.tiny import ROOT, TRAIN, environment

TOOLS = [path for path in sorted(ROOT.glob('tools/**/*.py'))
         if "if __name__ == '__main__':" in path.read_text()]
#: What takes long to import.
HEAVY = {'torch', 'torchvision', 'mmengine', 'mmcv', 'mmpretrain', 'faiss',
         'sklearn', 'scipy', 'numba', 'cv2', 'matplotlib', 'gradio'}


def imported(*words):
    """Exit status of Python, and the packages that it has imported."""
    result = subprocess.run([sys.executable, '-X', 'importtime', *words],
                            env=environment(), text=True, capture_output=True)
    lines = [line for line in result.stderr.splitlines()
             if line.startswith('import time:')]
    return result.returncode, {
        line.rpartition('|')[2].strip().partition('.')[0] for line in lines}


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_every_tool_ends_in_one_way(path):
    assert path.read_text().endswith('    run_main(main)\n')


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_the_command_line_is_read_before_much_is_imported(path):
    for option, expected in (('--help', 0), ('--no-such-option', 2)):
        status, packages = imported(path, option)
        assert status == expected and 'argparse' in packages
        assert not packages & HEAVY


@pytest.mark.parametrize('module', [
    'mmreidmix', 'mmreidmix.command_line', 'mmreidmix.__main__'])
def test_what_the_tools_import_is_light(module):
    status, packages = imported('-c', f'import {module}')
    assert status == 0 and 'mmreidmix' in packages
    assert not packages & HEAVY


def test_names_of_the_package():
    assert mmreidmix.ReIDInferencer is apis.ReIDInferencer
    assert mmreidmix.Gallery is apis.Gallery
    assert {'Gallery', 'ReIDInferencer', '__version__'} <= {*dir(mmreidmix)}
    assert {'Comparison', 'GalleryError'} <= {*dir(apis)}
    for module in (mmreidmix, apis):
        with pytest.raises(AttributeError, match=f"'{module.__name__}' has no "
                           "attribute 'Galery'"):
            _ = module.Galery


def test_cfg_options():
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    args = parser.parse_args(
        ['--cfg-options', 'a.b=1', 'c=[x,2]', '--cfg-options', 'd=e'])
    assert args.cfg_options == {'a.b': 1, 'c': ['x', 2], 'd': 'e'}
    assert parser.parse_args([]).cfg_options is None


@pytest.mark.parametrize('name, shown', [
    ('a b.jpg', 'a b.jpg'), ('Straße 東京.jpg', 'Straße 東京.jpg'),
    ('a\x1b[2Jb', r'a\x1b[2Jb'), ('a\r\nb', r'a\r\nb'), ('\x9b1m', r'\x9b1m'),
    ('a\u202eb', r'a\u202eb'), ('\udc80', r'\udc80'), (Path('a\tb'), r'a\tb')])
def test_names_can_not_steer_a_terminal(name, shown):
    assert printable(name) == shown


def ended(main, monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['tools/some.py', *words])
    with pytest.raises(SystemExit) as end:
        run_main(main)
    return end.value.code


def raising(error):
    def main():
        assert sys.argv == ['tools/some.py']
        raise error
    return main


def test_status_of_the_tool(monkeypatch):
    assert ended(lambda: 3, monkeypatch) == 3
    run_main(lambda: None)
    assert ended(raising(KeyboardInterrupt()), monkeypatch) == 130
    assert ended(raising(SystemExit('text')), monkeypatch) == 'text'


def test_status_of_the_work():
    """0 done, 1 a check or a search said no, 2 wrong use or input."""
    assert run_tool(lambda args: None, None, 'some') == 0
    assert run_tool(lambda args: 0, None, 'some') == 0
    assert run_tool(lambda args: 1, None, 'some') == 1

    def fails(args):
        raise ValueError('wrong')

    assert run_tool(fails, None, 'some') == 2


@pytest.mark.parametrize('error, text', [
    (ValueError('no\nfile'), 'some: no\nfile\n'),
    (FileNotFoundError('no file'), 'some: no file\n'),
    (KeyError('id'), "some: KeyError: 'id'\nsome: --debug shows where\n")])
def test_errors_are_lines(monkeypatch, capsys, error, text):
    monkeypatch.delitem(sys.modules, 'mmengine.logging')
    assert ended(raising(error), monkeypatch) == 2
    assert capsys.readouterr().err == text


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr('mmreidmix.command_line._debug', False)
    monkeypatch.setattr(sys, 'argv', ['tools/some.py', '--debug'])
    with pytest.raises(ValueError, match='no file'):
        run_main(raising(ValueError('no file')))


def test_a_training_that_fails(tmp_path):
    config = tmp_path / 'config.py'
    base = ROOT / 'configs' / 'remix' / 'r18_x0_25_toy.py'
    config.write_text(f'_base_ = {str(base)!r}\n'
                      "model = dict(bnneck=dict(type='NoSuchNeck'))\n")
    words = [sys.executable, TRAIN, config, '--work-dir', tmp_path / 'run']
    plain, debug = (
        subprocess.run([*words, *more], env=environment(), text=True,
                       capture_output=True, check=False)
        for more in ([], ['--debug']))
    assert plain.returncode == 2 and debug.returncode == 1
    assert 'Traceback' not in plain.stderr and 'Traceback' in debug.stderr
    line, place = plain.stderr.strip().split('\n')[-2:]
    assert line.startswith('train: model.bnneck: ') and 'NoSuchNeck' in line
    log = Path(place.removeprefix('train: the traceback is in '))
    assert log.is_relative_to(tmp_path / 'run')
    assert 'Traceback' in log.read_text()


def test_options_that_are_read_at_once(tmp_path, capsys):
    """Words that are no KEY=VALUE, and places that can not be written."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    parser.add_argument('--out', type=output_file)
    parser.add_argument('--folder', type=output_folder)
    args = parser.parse_args([
        '--cfg-options', 'a.b=[1,2]', 'c=x=y', '--out', f'{tmp_path}/n/a.npz',
        '--folder', str(tmp_path / 'new')])
    assert args.cfg_options == {'a.b': [1, 2], 'c': 'x=y'}
    assert args.out == tmp_path / 'n' / 'a.npz'
    assert args.folder == tmp_path / 'new'
    assert not list(tmp_path.iterdir())
    (tmp_path / 'file').touch()
    for words, message in (
            (['--cfg-options', 'a=1', 'b'], "'b' is not KEY=VALUE"),
            (['--out', str(tmp_path)], 'is a folder; name a file'),
            (['--out', f'{tmp_path}/file/a'], 'can not be written: Not a dir'),
            (['--folder', f'{tmp_path}/file'],
             'can not be written: Not a dir')):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert message in capsys.readouterr().err


class _Read(Exception):
    """The options of a tool are known."""


def options_of(path, monkeypatch):
    """The options of a tool, those of its commands too."""
    found = []

    def keep(parser, *args, **kwargs):
        actions = list(parser._actions)
        for action in actions:
            if isinstance(action, argparse._SubParsersAction):
                actions += [own for command in action.choices.values()
                            for own in command._actions]
        found.extend(actions)
        raise _Read

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', keep)
        patch.syspath_prepend(path.parent)
        patch.setattr(sys, 'argv', [str(path)])
        tool = runpy.run_path(str(path))
        with pytest.raises(_Read):
            tool.get('parse_args', tool['main'])()
    return [action for action in found if action.option_strings]


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_one_spelling_for_one_thing(path, monkeypatch):
    for action in options_of(path, monkeypatch):
        name, several = action.option_strings[-1], action.nargs in ('+', '*')
        assert not isinstance(action, argparse._AppendAction), name
        if name in ('--domain', '--domains'):
            assert several == (name == '--domains')
        if name == '--images':  # files and folders, never a number
            assert action.metavar in ('PLACE', 'FOLDER', 'NAME')
        if action.type in (output_file, output_folder):
            assert name in ('--out', '--plot', '--show-dir', '--int8',
                            '--save-features'), name
        assert name not in ('--json', '--profiles', '--batch', '--html',
                            '--repeats', '--formats', '--output'), name
