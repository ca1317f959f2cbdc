"""What stands beside the package: citation, workflow, images, templates."""

import re

import pytest
import yaml

import mmreidmix
from tests.tiny import ROOT


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text('utf-8'))


def test_citation_is_of_this_version():
    citation = read_yaml('CITATION.cff')
    assert citation['cff-version'] == '1.2.0'
    assert citation['version'] == mmreidmix.__version__
    assert citation['license'] in (ROOT / 'setup.py').read_text()
    methods = ''.join(page.read_text()
                      for page in ROOT.glob('docs/en/methods/*.md'))
    assert len(citation['references']) == 3
    for paper in citation['references']:
        assert paper['url'].rpartition('/')[2] in methods
        assert paper['title'].lower() in ' '.join(methods.split()).lower()


def test_the_workflow_runs_what_the_project_runs_on_each_python():
    job = read_yaml('.github/workflows/tests.yml')['jobs']['tests']
    pythons = job['strategy']['matrix']['python']
    setup = (ROOT / 'setup.py').read_text()
    lowest = re.search(r"python_requires='>=([\d.]+)'", setup).group(1)
    minors = [int(python.partition('.')[2]) for python in pythons]
    assert pythons[0] == lowest
    assert minors == [*range(minors[0], minors[0] + 5)]
    assert job['steps'][-1] == {'run': 'bash .ci/run'}


def test_the_image_copies_what_the_installation_needs():
    lines = (ROOT / 'docker' / 'Dockerfile').read_text().splitlines()
    copied = {word for line in lines if line.startswith('COPY ')
              for word in line.split()[1:-1]}
    assert all((ROOT / name).exists() for name in copied)
    manifest = (ROOT / 'MANIFEST.in').read_text()
    folders = set(re.findall(r'^recursive-include (\w+)', manifest, re.M))
    files = set(re.findall(r'^include (.+)$', manifest, re.M)[0].split())
    needed = folders | {file.split('/')[0] for file in files}
    assert copied >= needed | {'setup.py', 'MANIFEST.in'}


def test_the_conda_environment_installs_this_project():
    *_, pip = read_yaml('requirements/conda.yml')['dependencies']
    constraints, project = pip['pip']
    folder = ROOT / 'requirements'
    assert (folder / constraints.partition(' ')[2]).is_file()
    assert (folder / project / 'setup.py').is_file()


@pytest.mark.parametrize('name', ['bug.yml', 'wish.yml'])
def test_issue_forms(name):
    form = read_yaml(f'.github/ISSUE_TEMPLATE/{name}')
    fields = [field for field in form['body'] if field['type'] != 'markdown']
    assert form['name'] and form['description'] and form['labels']
    names = [field['id'] for field in fields]
    assert len(names) == len(set(names)) >= 2
    assert all(field['attributes']['label'] for field in fields)
