import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets import ReIDRecords, bytes_column
from mmreidmix.datasets.bytes_column import BytesColumn, PathColumn

WORDS = st.lists(st.binary(max_size=9), max_size=30)


@given(WORDS, st.data())
def test_bytes_column_is_a_list_of_bytes(words, data):
    column = BytesColumn.from_parts(words)
    assert len(column) == len(words)
    assert column.tolist() == words
    assert [column[i] for i in range(len(words))] == words
    rows = data.draw(st.lists(st.integers(0, max(len(words) - 1, 0)),
                              max_size=40 * bool(words)))
    assert column.take(rows).tolist() == [words[row] for row in rows]


def test_take_in_blocks(monkeypatch):
    monkeypatch.setattr(bytes_column, '_BLOCK', 3)
    words = [bytes(range(65, 65 + n)) for n in (2, 0, 5, 1, 3, 4, 7, 0, 1)]
    rows = [8, 0, 2, 2, 1, 6, 7]
    taken = BytesColumn.from_parts(words).take(rows)
    assert taken.tolist() == [words[row] for row in rows]


def paths():
    return PathColumn(
        BytesColumn.from_parts([b'', b'a/b', b'c']),
        np.array([0, 1, 1, 2], np.int32),
        BytesColumn.from_parts([b'x.jpg', b'yy.jpg', b'z.jpg', b'\xff.jpg']))


def test_path_column_stands_for_an_array_of_paths():
    column = paths()
    array = np.array([b'x.jpg', b'a/b/yy.jpg', b'a/b/z.jpg', b'c/\xff.jpg'])
    assert column.shape == array.shape
    np.testing.assert_array_equal(np.asarray(column), array)
    for key in (slice(1, 3), slice(None, None, -2), [2, 0],
                np.array([True, False, False, True]), np.array([3, 3])):
        np.testing.assert_array_equal(np.asarray(column[key]), array[key])
    for index in (2, -1, np.int64(1)):
        assert column[index] == array[index]
    with pytest.raises(IndexError):
        column[4]
    assert len(np.asarray(column[:0])) == 0


def test_records_take_path_columns():
    numbers = np.arange(4, dtype=np.int32)
    records = ReIDRecords(paths(), numbers, numbers, numbers)
    assert records.path(1) == 'a/b/yy.jpg'
    assert records.path(3).encode('utf-8', 'surrogateescape') == b'c/\xff.jpg'
    array = ReIDRecords(np.asarray(paths()), numbers, numbers, numbers)
    assert records.fingerprint() == array.fingerprint()
    some = records.select(numbers > 1)
    assert isinstance(some.paths, PathColumn)
    assert some.path(0) == 'a/b/z.jpg'
    assert records.sorted().path(0) == 'a/b/yy.jpg'
    both = ReIDRecords.concat([records, some])
    assert [both.path(i) for i in (0, 5)] == ['x.jpg', records.path(3)]
