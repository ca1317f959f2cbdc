"""Each kind of damage is found, named and counted; nothing else is."""

import shutil

import pytest

from mmreidmix.datasets import Market1501
from mmreidmix.doctor import (
    Part,
    examine,
    parts_of_config,
    parts_of_domain,
)
from mmreidmix.toy.generator import SETTINGS_FILE
from tests.tiny import tiny_config

from .damage import DAMAGES, Expected, ToyDomain


def assert_only(findings, expected: Expected):
    """There is one finding, and it is the expected one."""
    assert [f.name for f in findings] == [expected.name]
    finding, = findings
    assert (finding.level, finding.count) == (expected.level, expected.count)
    assert finding.total >= finding.count
    assert any(expected.path in address for example in finding.examples
               for address in example.images)


def test_there_are_enough_kinds():
    assert len(DAMAGES) >= 18


@pytest.mark.parametrize('kind', DAMAGES)
def test_damage(toy_domain, kind):
    expected = DAMAGES[kind](toy_domain)
    parts = parts_of_domain(toy_domain.domain())
    assert_only(examine(parts, configured=False).findings, expected)


def test_damage_of_two_domains(toy_domain, clean, tmp_path):
    """A copy, and a near copy, of an image in another domain."""
    other = ToyDomain(tmp_path / 'other', [])
    other.root.mkdir()
    image = toy_domain.of('train')[0]
    shutil.copy(clean.root / image['path'], other.root / 'a.jpg')
    other.rows = [dict(image, path='a.jpg')]
    parts = [*parts_of_domain(toy_domain.domain()),
             *parts_of_domain(other.domain())]
    expected = Expected('duplicates_across_domains', 'warning', 1, 'a.jpg')
    assert_only([f for f in examine(parts).findings
                 if f.where != 'other train'], expected)
    other.write(other.rows[0], other.read(other.rows[0]), quality=80)
    assert_only(
        [f for f in examine(parts).findings if f.where != 'other train'],
        expected._replace(name='near_duplicates_across_domains'))


def test_counts_of_a_public_set(toy_domain):
    (toy_domain.root / SETTINGS_FILE).unlink()
    names = [(f.name, f.where) for f in examine(
        parts_of_domain(dict(type='Market1501', data_root=toy_domain.root)),
        configured=False).findings]
    assert names == [('counts', f'market1501 {subset}')
                     for subset in ('train', 'query', 'gallery')]


def test_training_images_that_are_tested(toy_domain):
    """An error of a run; where it is how the set is defined, a note."""
    parts = [Part(Market1501(toy_domain.root, subset), role)
             for subset, role in (('train', 'unlabelled'), ('all', 'test'))]
    count = len(parts[0].dataset)
    for configured, level in ((True, 'error'), (False, 'note')):
        assert_only(
            examine(parts, configured=configured).findings,
            Expected('train_images_in_test', level, count, '.jpg'))


def test_paths_of_a_large_tree(toy_domain):
    """The columns of a tree of videos are others than those of a list."""
    config = dict(type='VideoTree', data_root=str(toy_domain.root),
                  name='toy', cache=False)
    part, = parts_of_domain(config)
    assert_only(
        examine([part, part._replace(role='test')]).findings,
        Expected('train_images_in_test', 'error', 192, '.jpg'))


def test_clean_data(clean, toy):
    """No finding: one domain by a table or by its names, a whole config."""
    for domain in (clean.domain(),
                   dict(type='Market1501', data_root=str(clean.root))):
        assert examine(parts_of_domain(domain), configured=False
                       ).findings == []
    diagnosis = examine(parts_of_config(tiny_config(toy)))
    assert diagnosis.findings == []
    assert {part.role for part in diagnosis.parts} == {
        'labelled', 'unlabelled', 'test'}


def test_without_a_look_at_images(toy_domain):
    """Empty and missing files are found by their sizes."""
    DAMAGES['empty file'](toy_domain)
    DAMAGES['one colour'](toy_domain)
    parts = parts_of_domain(toy_domain.domain())
    gone = toy_domain.of('train')[0]['path']
    (toy_domain.root / gone).unlink()
    diagnosis = examine(parts, configured=False, fast=True)
    assert [(f.name, f.count) for f in diagnosis.findings] == [
        ('unreadable_images', 1), ('empty_files', 1)]
    assert 'no image read' in diagnosis.summary()


def test_unlabelled_images_have_no_identities(toy_domain):
    """Labels that a training does not see are not looked at."""
    DAMAGES['imbalance'](toy_domain)
    part, *_ = parts_of_domain(toy_domain.domain())
    assert examine([part._replace(role='unlabelled')]).findings == []
