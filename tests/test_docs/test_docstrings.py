"""The examples in the docstrings give what they say."""

import doctest
import importlib

import pytest

from tests.tiny import ROOT

#: Modules with an example.
MODULES = sorted(
    '.'.join(file.relative_to(ROOT).with_suffix('').parts)
    for file in (ROOT / 'mmreidmix').rglob('*.py')
    if '>>> ' in file.read_text(encoding='utf-8'))


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed


def test_there_are_examples():
    assert 'mmreidmix.checks' in MODULES and len(MODULES) >= 10
