import importlib.metadata
import subprocess
import sys

import pytest

from mmreidmix.__main__ import COMMANDS, first_line, main
from mmreidmix.config_file import read_config
from tests.tiny import ROOT, environment

TOOLS = {name: file for group in COMMANDS.values()
         for name, file in group.items()}


def mmreidmix(*words, cwd=None):
    return subprocess.run(
        [sys.executable, '-m', 'mmreidmix', *words], cwd=cwd,
        env=environment(), text=True, capture_output=True)


def test_every_tool_is_a_command():
    runnable = {
        path.relative_to(ROOT / 'tools').as_posix()
        for path in ROOT.glob('tools/**/*.py')
        if "if __name__ == '__main__':" in path.read_text()
    }
    measuring = {name for name in runnable if name.startswith('benchmarks/')}
    left_out = measuring - {'benchmarks/suite.py'} | {'demo/toy_model.py'}
    assert set(TOOLS.values()) == runnable - left_out
    assert len(TOOLS) == len(set(TOOLS.values()))


@pytest.mark.parametrize('words', [[], ['--help'], ['help']])
def test_help_lists_all_commands(words, capsys):
    assert main(words) == 0
    text = capsys.readouterr().out
    for name, file in TOOLS.items():
        line = first_line(ROOT / 'tools' / file)
        assert len(line) > 10 and f'\n  {name:<16}{line}\n' in text
    assert f'Configs: {ROOT / "configs"}' in text


def test_a_command_is_its_tool(tmp_path):
    by_name = mmreidmix('average', '--help', cwd=tmp_path)
    by_file = subprocess.run(
        [sys.executable, ROOT / 'tools' / TOOLS['average'], '--help'],
        env=environment(), text=True, capture_output=True)
    assert by_name.returncode == 0
    assert by_name.stdout == by_file.stdout


def test_a_tool_that_imports_what_is_beside_it(tmp_path):
    assert mmreidmix('page', '--help', cwd=tmp_path).returncode == 0


def test_the_exit_status_is_that_of_the_tool(tmp_path):
    result = mmreidmix('train', 'gone.py', cwd=tmp_path)
    assert result.returncode == 2
    assert f'no config file gone.py; those that come with mmreidmix are in ' \
        f'{ROOT / "configs"}' in result.stderr + result.stdout


def test_unknown_commands_are_named(capsys):
    assert main(['tran']) == 2
    text = capsys.readouterr().err
    assert "no command 'tran'. Did you mean 'train'? All commands: " in text
    assert main(['xyz', '--help']) == 2
    assert "no command 'xyz'. All commands: train, test, " in (
        capsys.readouterr().err)


def test_version(capsys):
    assert main(['--version']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('mmreidmix ')
    assert f'torch {importlib.metadata.version("torch")}' in lines
    # Whose MMEngine it is.
    assert sum('mmengine ' in line for line in lines) == 1


@pytest.mark.parametrize('name', [
    'configs/mixture/own_data.py', 'mixture/own_data.py'])
def test_configs_of_the_project_are_found_from_any_folder(
        name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_config(name).filename == str(
        ROOT / 'configs/mixture/own_data.py')
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text('own = 1\n')
    assert read_config(name).own == 1


@pytest.mark.parametrize('name', ['../setup.py', 'mixture/gone.py'])
def test_other_files_of_the_project_are_no_configs(
        name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f'no config file {name}'):
        read_config(name)
