"""Tests of what paths say of pictures."""

import numpy as np
import pytest

from mmreidmix.apis.app.path_parsing import PathReader, time_text
from mmreidmix.times import parse_time


def test_market1501_names():
    facts = PathReader('market1501')([
        '0001_c1s1_000151_01.jpg', 'query/-1_c6s3_000001_00.jpg.jpg'])
    assert facts.pids.tolist() == [1, -1]
    assert facts.camids.tolist() == [1, 6]
    assert np.isnan(facts.times).all()
    assert facts.tracklets.tolist() == [-1, -1]


def test_groups_of_a_pattern():
    reader = PathReader(r'cam(?P<camid>\d+)/(?P<tracklet>\d+)/'
                        r'(?P<time>[\d.]+)\.jpg')
    facts = reader(['cam3/12/7.5.jpg', 'cam4/12/8.jpg'])
    assert facts.camids.tolist() == [3, 4]
    assert facts.times.tolist() == [7.5, 8]
    assert facts.tracklets.tolist() == [3 * 10**9 + 12, 4 * 10**9 + 12]
    assert facts.pids.tolist() == [-1, -1]


def test_a_tracklet_without_a_camera_keeps_its_number():
    assert PathReader(r'(?P<tracklet>\d+)')(['12']).tracklets == [12]


def test_no_pattern_and_no_names():
    facts = PathReader()(['a', 'b'])
    assert facts.camids.tolist() == [-1, -1] and np.isnan(facts.times).all()
    assert [column.shape for column in PathReader()([])] == [(0, )] * 4


def test_times_are_utc_unless_they_say_otherwise():
    reader = PathReader(r'(?P<time>.+)\.jpg', '%Y%m%d_%H%M%S%z')
    naive = PathReader(r'(?P<time>.+)\.jpg', '%Y%m%d_%H%M%S')
    assert naive(['19700102_000000.jpg']).times == [86400]
    assert reader(['19700102_000000+0100.jpg']).times == [82800]


@pytest.mark.parametrize('pattern, message', [
    ('(', 'not a regular expression'), ('.*', r'named groups \[\]'),
    ('(?P<camera>.)', 'camera.*expected some of')])
def test_wrong_patterns(pattern, message):
    with pytest.raises(ValueError, match=message):
        PathReader(pattern)


@pytest.mark.parametrize('pattern, name, message', [
    (r'(?P<camid>\d)', 'ab', r'1 of 1 paths do not match'),
    (r'(?P<camid>.*)/a', 'lobby/a', "'camid'.*'lobby' in 'lobby/a'"),
    (r'(?P<tracklet>\d+)', '1000000000', 'below 1,000,000,000'),
    (r'(?P<time>.*)', 'noon', "time 'noon' of 'noon'")])
def test_paths_that_do_not_fit(pattern, name, message):
    with pytest.raises(ValueError, match=message):
        PathReader(pattern)([name], 'root')


def test_times_as_text():
    assert parse_time('12.5') == 12.5
    assert parse_time('2026-05-01T12:30') == 1777638600
    assert time_text(1777638600) == '2026-05-01 12:30:00'
    assert (time_text(None), time_text(12.5)) == ('-', '12.5 s')
    with pytest.raises(ValueError, match="'noon' is no time"):
        parse_time('noon')
