"""Tests of setup.py, README.md and the shell scripts."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mmreidmix

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*ROOT.glob('tools/**/*.sh'), ROOT / '.ci' / 'run'])
PAGES = [ROOT / 'README.md', ROOT / 'docs' / 'en' / 'get_started.md']


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build a wheel from a copy, so that the source tree stays clean."""
    source = tmp_path_factory.mktemp('source')
    for name in ('setup.py', 'MANIFEST.in', 'README.md', 'LICENSE',
                 'model-index.yml'):
        shutil.copy(ROOT / name, source)
    for name in ('mmreidmix', 'configs', 'tools', 'tests'):
        shutil.copytree(ROOT / name, source / name)
    target = source / 'wheel'
    subprocess.run([
        sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
        '--no-index', '--no-build-isolation', '--wheel-dir', target, source
    ], check=True)
    return zipfile.ZipFile(next(target.glob('*.whl')))


def shipped(root):
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / root).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def test_wheel_holds_package_configs_and_tools(wheel):
    names = {name for name in wheel.namelist() if '.dist-info/' not in name}
    modules = {name for name in shipped('mmreidmix')
               if name.endswith(('.py', '.html', '.css', 'py.typed'))}
    mim = {f'mmreidmix/.mim/{name}'
           for name in shipped('configs') | shipped('tools')
           | {'model-index.yml'}}
    assert names >= modules | mim
    extra = {name for name in names - modules - mim
             if not name.startswith('mmreidmix/') or '.mim/' in name}
    assert extra == set(), 'neither tests nor caches belong into the wheel'


def test_the_command_of_the_wheel_finds_tools_and_configs(wheel, tmp_path):
    wheel.extractall(tmp_path / 'site')
    run = dict(cwd=tmp_path, text=True, capture_output=True, env={
        **os.environ, 'PYTHONPATH': str(tmp_path / 'site')})
    command = [sys.executable, '-m', 'mmreidmix']
    result = subprocess.run([*command, 'adapt', '--help'], **run)
    assert result.returncode == 0 and 'usage: adapt.py' in result.stdout
    result = subprocess.run([
        sys.executable, '-c', 'from mmreidmix.config_file import read_config\n'
        'print(read_config("configs/mixture/own_data.py").filename)'], **run)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(
        tmp_path / 'site/mmreidmix/.mim/configs/mixture/own_data.py')
    entries = next(name for name in wheel.namelist()
                   if name.endswith('.dist-info/entry_points.txt'))
    assert 'mmreidmix = mmreidmix.__main__:main' in wheel.read(
        entries).decode()


def test_wheel_metadata(wheel):
    metadata = next(name for name in wheel.namelist()
                    if name.endswith('.dist-info/METADATA'))
    text = wheel.read(metadata).decode()
    assert f'\nVersion: {mmreidmix.__version__}\n' in text
    assert '\nRequires-Python: >=3.9\n' in text
    required = set(re.findall(r'^Requires-Dist: ([\w-]+)', text, re.M))
    assert 'mmcv-lite' in required
    assert 'mmcv' not in required, 'it would need a compiler'
    assert any(name.endswith('licenses/LICENSE')
               for name in wheel.namelist())


def test_constraints_pin_every_core_requirement():
    pins = dict(re.findall(r'^([\w-]+)==([\w.]+)',
                           (ROOT / 'requirements' /
                            'constraints.txt').read_text(), re.M))
    setup = (ROOT / 'setup.py').read_text()
    core = setup.split('install_requires=[')[1].split('\n    ]')[0]
    required = re.findall(r"^\s+'([\w-]+)", core, re.M)
    assert len(required) > 8
    assert set(required) <= set(pins)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_files_named_on_a_page_exist(page):
    text = page.read_text(encoding='utf-8')
    named = set(re.findall(
        r'(?<![\w/])(?:tools|configs|requirements|docs)/[\w./-]+\.\w+', text))
    links = {
        (page.parent / link).resolve().relative_to(ROOT).as_posix()
        for link in re.findall(r'\]\(([\w./-]+)', text)
    }
    assert named and links
    missing = sorted(n for n in named | links if not (ROOT / n).exists())
    assert missing == []


@pytest.mark.parametrize('anchor', re.findall(
    r'get_started\.md#([\w-]+)', PAGES[0].read_text(encoding='utf-8')))
def test_anchors_of_the_readme_exist(anchor):
    titles = re.findall(r'^#+ (.+)$', PAGES[1].read_text(encoding='utf-8'),
                        re.M)
    assert anchor in [title.lower().replace(' ', '-') for title in titles]


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_executable_and_parse(script):
    assert os.access(script, os.X_OK), f'{script} is not executable'
    subprocess.run(['bash', '-n', script], check=True)


@pytest.mark.parametrize('name, options', [
    ('dist_train.sh', 'CONFIG GPUS'),
    ('dist_test.sh', 'CONFIG CHECKPOINT GPUS'),
    ('slurm_train.sh', 'PARTITION JOB CONFIG'),
    ('slurm_test.sh', 'PARTITION JOB CONFIG CHECKPOINT'),
])
def test_launchers_ask_for_what_is_missing(name, options):
    result = subprocess.run(['bash', ROOT / 'tools' / name, 'one'],
                            capture_output=True,
                            text=True)
    assert result.returncode == 2
    assert options in result.stderr


@pytest.mark.parametrize('kind, before', [('train', ['c.py']),
                                          ('test', ['c.py', 'x.pth'])])
def test_dist_launchers_pass_their_arguments_on(kind, before, tmp_path):
    fake = tmp_path / 'python'
    fake.write_text('#!/bin/sh\necho "$OMP_NUM_THREADS" "$@"\n')
    fake.chmod(0o755)
    env = {'PATH': os.environ['PATH'], 'PYTHON': str(fake), 'NNODES': '2',
           'NODE_RANK': '1', 'MASTER_ADDR': 'host', 'PORT': '1234'}
    result = subprocess.run(
        ['bash', ROOT / 'tools' / f'dist_{kind}.sh', *before, '3',
         '--cfg-options', 'a=1 b'],
        capture_output=True, text=True, env=env, check=True)
    assert result.stdout.strip() == (
        '1 -m torch.distributed.run --nnodes=2 --node_rank=1 '
        '--master_addr=host --master_port=1234 --nproc_per_node=3 '
        f'{ROOT}/tools/{kind}.py {" ".join(before)} --launcher pytorch '
        '--cfg-options a=1 b')


@pytest.mark.parametrize('kind, before', [('train', ['c.py']),
                                          ('test', ['c.py', 'x.pth'])])
def test_slurm_launchers_pass_their_arguments_on(kind, before, tmp_path):
    fake = tmp_path / 'srun'
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    env = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': '2',
           'SRUN_ARGS': '--quiet --time=10'}
    result = subprocess.run(
        ['bash', ROOT / 'tools' / f'slurm_{kind}.sh', 'part', 'job', *before,
         '--amp'],
        capture_output=True, text=True, env=env, check=True)
    assert result.stdout.strip() == (
        '-p part --job-name=job --gres=gpu:2 --ntasks=2 --ntasks-per-node=2 '
        '--cpus-per-task=5 --kill-on-bad-exit=1 --quiet --time=10 '
        f'python -u {ROOT}/tools/{kind}.py {" ".join(before)} '
        '--launcher slurm --amp')


def make_repository(folder, python):
    """Copy what _env.sh needs, with a stand-in for Python."""
    (folder / 'tools').mkdir()
    (folder / 'requirements').mkdir()
    for name in ('tools/_env.sh', 'setup.py', 'requirements/constraints.txt'):
        shutil.copy(ROOT / name, folder / name)
    fake = folder / 'fake-python'
    fake.write_text(python)
    fake.chmod(0o755)
    return {'PATH': os.environ['PATH'], 'PYTHON': str(fake)}


FAKE_PYTHON = '''#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
case "$*" in
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"pip install"*) exit "$(cat "$(dirname "$0")/../../pip-fails" || echo 0)" ;;
--version) echo Python 3.11.0 ;;
esac
'''


def source_env(folder, env):
    return subprocess.run(['bash', '-euc', 'source tools/_env.sh; pwd'],
                          cwd=folder, env=env, capture_output=True, text=True)


def test_environment_is_made_once_and_again_after_a_failure(tmp_path):
    env = make_repository(tmp_path, FAKE_PYTHON)
    installs = tmp_path / '.venv' / 'bin' / 'calls'

    def count():
        return installs.read_text().count('pip install')

    (tmp_path / 'pip-fails').write_text('3')
    failed = source_env(tmp_path, env)
    assert failed.returncode == 1
    assert 'the installation failed' in failed.stderr

    (tmp_path / 'pip-fails').write_text('0')
    first = source_env(tmp_path, env)
    assert first.returncode == 0, first.stderr
    assert 'making the virtual environment' in first.stdout
    assert first.stdout.splitlines()[-1] == str(tmp_path)
    assert count() == 1

    again = source_env(tmp_path, env)
    assert again.returncode == 0
    assert 'making' not in again.stdout and 'installing' not in again.stdout
    assert count() == 1

    with (tmp_path / 'setup.py').open('a') as file:
        file.write('# changed\n')
    changed = source_env(tmp_path, env)
    assert changed.returncode == 0
    assert 'making' not in changed.stdout
    assert count() == 2


def test_a_foreign_environment_is_left_alone(tmp_path):
    env = make_repository(tmp_path, FAKE_PYTHON)
    (tmp_path / '.venv').mkdir()
    result = source_env(tmp_path, env)
    assert result.returncode == 1
    assert 'was not made by this script' in result.stderr
    assert list((tmp_path / '.venv').iterdir()) == []


def test_an_old_python_is_refused(tmp_path):
    env = make_repository(tmp_path, '''#!/bin/sh
[ "$1" = --version ] && echo Python 3.8.1 && exit
exit 1
''')
    result = source_env(tmp_path, env)
    assert result.returncode == 1
    assert 'Python 3.8.1, but Python >= 3.9 is needed' in result.stderr
    assert not (tmp_path / '.venv').exists()
