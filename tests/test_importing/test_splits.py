import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.importing.splits import split_table


def table_of(rows):
    """A domain of rows (pid, camera, time)."""
    pids, cameras, times = zip(*rows)
    return pyarrow.table(dict(
        path=[f'{i:03d}.jpg' for i in range(len(rows))],
        subset=['train'] * len(rows),
        pid=pyarrow.array(pids, pyarrow.int32()),
        camid=list(map(str, cameras)),
        time=pyarrow.array(times, pyarrow.float64())))


def subsets(rows, way, **options):
    table, _ = split_table(table_of(rows), way, **options)
    return table['subset'].to_pylist()


ROWS = [(1, 'a', 0), (1, 'a', 1), (1, 'b', 2), (2, 'a', 3), (2, 'b', 4),
        (3, 'c', 5), (-1, 'a', 6), (3, 'c', 7)]


def test_none_trains_on_all():
    assert subsets(ROWS, 'none') == ['train'] * 8


def test_all_tests_on_all_known():
    assert subsets(ROWS, 'all') == [
        'query', 'gallery', 'gallery', 'query', 'gallery', 'gallery', '',
        'gallery']


def test_identity():
    found = subsets(ROWS, 'identity', share=0.5, seed=0)
    one = ['query', 'gallery', 'gallery', *['train'] * 5]
    two = [*['train'] * 3, 'query', 'gallery', *['train'] * 3]
    assert found in (one, two)
    assert found == subsets(ROWS, 'identity', share=0.5, seed=0)
    assert {tuple(subsets(ROWS, 'identity', seed=seed))
            for seed in range(9)} == {tuple(one), tuple(two)}


def test_camera():
    rows = [*ROWS, (1, 'c', 9)]
    assert subsets(rows, 'camera', cameras=['a', 'b']) == [
        'query', 'gallery', 'gallery', 'query', 'gallery', 'train', '',
        'train', '']


def test_time():
    rows = [(1, 'a', 0), (1, 'b', 5), (2, 'a', 6), (2, 'b', 7), (3, 'a', 1),
            (-1, 'a', 6), (-1, 'a', 2)]
    expected = ['', 'gallery', 'query', 'gallery', 'train', '', 'train']
    assert subsets(rows, 'time', after=5) == expected
    # the last 40 % of 7 seconds begin at 4.2
    assert subsets(rows, 'time', share=0.4) == expected


@pytest.mark.parametrize('way, options, message', [
    ('identity', dict(share=1.0), '--test-share is 1.0'),
    ('camera', dict(), '--test-cameras: none; there are the cameras'),
    ('camera', dict(cameras=['a', 'x']), "--test-cameras: 'x'; there are"),
    ('camera', dict(cameras=['c']), 'Name two or more of them'),
    ('camera', dict(cameras=['a', 'b', 'c']), 'and not all, because'),
    ('time', dict(after=100), 'no image is left to test'),
    ('time', dict(after=-1), 'no image is left to train on'),
    ('people', dict(), 'split'),
])
def test_wrong_options(way, options, message):
    rows = [row for row in ROWS if row[0] >= 0]
    with pytest.raises(ValueError, match=message):
        subsets(rows, way, **options)


def test_what_can_not_be_split():
    with pytest.raises(ValueError, match='no image has a pid'):
        subsets([(-1, 'a', 0)] * 3, 'all')
    with pytest.raises(ValueError, match='1 people are seen by two'):
        subsets([(1, 'a', 0), (1, 'b', 0), (2, 'a', 0)], 'identity')
    with pytest.raises(ValueError, match='2 of 3 images have no time'):
        subsets([(1, 'a', 0), (1, 'b', None), (2, 'a', None)], 'time')


rows_of = st.lists(
    st.tuples(st.integers(-1, 5), st.sampled_from('abc'), st.integers(0, 9)),
    min_size=1, max_size=40)


@given(rows_of, st.sampled_from(('identity', 'camera', 'time', 'all')),
       st.integers(0, 3))
def test_sides_share_nobody_and_queries_have_a_match(rows, way, seed):
    options = dict(camera=dict(cameras=['a', 'b']), time=dict(after=5),
                   identity=dict(seed=seed)).get(way, {})
    try:
        found = np.array(subsets(rows, way, **options))
    except ValueError:
        return
    pids = np.array([row[0] for row in rows])
    cameras = np.array([row[1] for row in rows])
    train, query = found == 'train', found == 'query'
    gallery = found == 'gallery'
    known = pids >= 0
    assert not set(pids[train & known]) & set(pids[query | gallery])
    assert (pids[query | gallery] >= 0).all()
    assert query.any()
    for i in np.flatnonzero(query):
        match = gallery & (pids == pids[i]) & (cameras != cameras[i])
        assert match.any()
    pairs = list(zip(pids[query], cameras[query]))
    assert len(set(pairs)) == len(pairs)
    # who is seen by two tested cameras has a query
    for pid in set(pids[gallery]):
        if len(set(cameras[(query | gallery) & (pids == pid)])) > 1:
            assert pid in pids[query]
