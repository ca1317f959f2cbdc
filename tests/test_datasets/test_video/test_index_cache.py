import logging
import os

import numpy as np
import pytest

from mmreidmix.datasets.video.index_cache import (
    TICK_NS,
    IndexCache,
    is_settled,
)

ARRAYS = dict(a=np.arange(6, dtype=np.int32).reshape(2, 3),
              empty=np.zeros((0, 2)), text=np.frombuffer(b'xyz', np.uint8))


def same(first, second):
    assert list(first) == list(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
        assert first[key].dtype == second[key].dtype


def test_what_is_saved_is_loaded(tmp_path):
    cache = IndexCache(tmp_path / 'data', dict(parts=1))
    assert cache.load() is None
    cache.save(ARRAYS)
    same(cache.load(), ARRAYS)
    assert [p.name for p in tmp_path.iterdir()] == ['.mmreidmix_cache']
    file, = (tmp_path / '.mmreidmix_cache').iterdir()
    assert file.name.startswith('data-')
    cache.save(dict(a=np.ones(2)))
    same(cache.load(), dict(a=np.ones(2)))
    assert len(list(file.parent.iterdir())) == 1


def test_other_roots_and_options_are_other_files(tmp_path):
    IndexCache(tmp_path / 'data', dict(parts=1)).save(ARRAYS)
    assert IndexCache(tmp_path / 'data', dict(parts=2)).load() is None
    assert IndexCache(tmp_path / 'date', dict(parts=1)).load() is None


def test_file_of_another_index_under_the_name_is_not_taken(tmp_path, log):
    first, second = (IndexCache(tmp_path / 'd', dict(parts=n)) for n in (1, 2))
    first.save(ARRAYS)
    os.rename(first.paths[0], second.paths[0])
    assert second.load() is None
    assert 'index of something else' in log.text


@pytest.mark.parametrize('place', [0.02, 0.3, 0.5, 0.8, 0.999])
def test_a_changed_byte_is_noticed(tmp_path, log, place):
    cache = IndexCache(tmp_path / 'data', {})
    cache.save(ARRAYS)
    data = bytearray(cache.paths[0].read_bytes())
    data[int(place * len(data))] ^= 0xFF
    cache.paths[0].write_bytes(data)
    loaded = cache.load()
    if loaded is not None:  # a byte of padding
        same(loaded, ARRAYS)
        return
    record, = [r for r in log.records if r.levelno == logging.WARNING]
    assert f'{cache.paths[0]} is damaged' in record.getMessage()


@pytest.mark.parametrize('keep', [0, 5, 100, -1])
def test_a_file_cut_short_is_noticed(tmp_path, log, keep):
    cache = IndexCache(tmp_path / 'data', {})
    cache.save(ARRAYS)
    data = cache.paths[0].read_bytes()
    cache.paths[0].write_bytes(data[:keep])
    assert cache.load() is None
    assert 'is damaged' in log.text


def test_user_folder_where_the_data_folder_cannot_be_written(
        tmp_path, monkeypatch, log):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'home'))
    (tmp_path / '.mmreidmix_cache').write_text('a file, no folder')
    cache = IndexCache(tmp_path / 'data', {})
    cache.save(ARRAYS)
    same(cache.load(), ARRAYS)
    assert cache.paths[1].parent == tmp_path / 'home' / 'mmreidmix'
    assert cache.paths[1].is_file()


def test_nowhere_to_write_is_said(tmp_path, log):
    (tmp_path / 'file').touch()
    cache = IndexCache(tmp_path / 'data', {}, tmp_path / 'file' / 'x')
    cache.save(ARRAYS)
    assert cache.load() is None
    assert '`cache` may name a folder' in log.text


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    cache = IndexCache(tmp_path / 'data', {})
    cache.save(ARRAYS)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, 'save', interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.save(dict(a=np.ones(2)))
    monkeypatch.undo()
    same(cache.load(), ARRAYS)
    assert len(list(cache.paths[0].parent.iterdir())) == 1


def test_a_folder_changed_just_before_is_not_settled():
    stamps = np.array([[10, 20], [30, 5]]) + 10 * TICK_NS
    assert is_settled(stamps, 11 * TICK_NS + 31)
    assert not is_settled(stamps, 11 * TICK_NS + 30)
