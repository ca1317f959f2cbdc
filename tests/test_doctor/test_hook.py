"""The look at labels at the start of a run."""

import logging
from types import SimpleNamespace

import pytest

from mmreidmix.doctor import parts_of_domain
from mmreidmix.engine.hooks import DoctorHook

from .damage import DAMAGES


def runner_of(toy_domain, cross_camera=True, validates=True):
    """What the hook reads of a runner."""
    train, query, gallery = (
        part.dataset for part in parts_of_domain(toy_domain.domain()))
    test = SimpleNamespace(
        dataset=SimpleNamespace(parts=[query, gallery]))
    evaluator = SimpleNamespace(
        metrics=[SimpleNamespace(cross_camera=cross_camera)])
    return SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(
            domains=[train], roles=['labelled'])),
        val_loop=object() if validates else None,
        val_dataloader=test, test_dataloader=test,
        val_evaluator=evaluator, test_evaluator=evaluator)


def messages(log):
    return [record.getMessage() for record in log.records
            if record.getMessage().startswith('Doctor')]


def test_clean_labels_say_nothing(toy_domain, log):
    runner = runner_of(toy_domain)
    DoctorHook().before_train(runner)
    DoctorHook().before_test(runner)
    assert messages(log) == []


def test_findings_are_a_line_each(toy_domain, log):
    DAMAGES['person in train and test'](toy_domain)
    DAMAGES['tracklet of one image'](toy_domain)  # a note
    DoctorHook().before_train(runner_of(toy_domain))
    line, where = messages(log)
    assert line.startswith('Doctor: error: toy: ')
    assert line.endswith('1 of 6 [identities_in_train_and_test]')
    assert 'data_doctor.py' in where
    assert any(record.levelno == logging.WARNING for record in log.records)


def test_a_training_without_validation(toy_domain, log):
    DAMAGES['no match at all'](toy_domain)
    DoctorHook().before_train(runner_of(toy_domain, validates=False))
    assert messages(log) == []


def test_a_run_without_any_match_stops(toy_domain):
    DAMAGES['no match at all'](toy_domain)
    runner = runner_of(toy_domain)
    for start in (DoctorHook().before_train, DoctorHook().before_test):
        with pytest.raises(ValueError, match='12 of 12.*cross_camera=False'):
            start(runner)
    with pytest.raises(ValueError, match='must share identities$'):
        DoctorHook().before_test(runner_of(toy_domain, cross_camera=False))
