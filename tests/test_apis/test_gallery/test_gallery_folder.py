"""Tests of galleries in folders: nothing is lost, whatever happens."""

import os
import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mmreidmix.apis import Gallery, GalleryError
from mmreidmix.apis.gallery import search, state, vectors
from tests.tiny import ROOT
from tests.tiny_gallery import (
    DIM,
    content,
    embeddings,
    filled,
    in_memory,
    names,
)


@pytest.fixture
def folder(tmp_path):
    """A closed gallery of 6 images, of which one is removed."""
    with Gallery.create(tmp_path / 'new' / 'gallery', DIM, 'abc') as gallery:
        filled(gallery, 5)
        gallery.remove([1])
        gallery.add(embeddings(1, 7), ['zürich\udcff\n.jpg'])
    return gallery.folder


def log_file(folder):
    return folder / 'gallery.log'


def reopened(folder, **options):
    with Gallery.open(folder, **options) as gallery:
        return content(gallery)


def test_what_is_closed_is_opened(folder):
    with Gallery.open(folder, 'abc') as gallery:
        assert (gallery.dim, gallery.model, len(gallery)) == (DIM, 'abc', 5)
        assert gallery.ids.tolist() == [0, 2, 3, 4, 5]
        assert gallery.entries([5])[0].name == 'zürich\udcff\n.jpg'
        expected = content(in_memory(5))
        assert content(gallery)[:-1] == expected[:1] + expected[2:]
        assert gallery.add(embeddings(1), ['x']).tolist() == [6]
    with pytest.raises(GalleryError, match='closed'):
        gallery.add(embeddings(1), ['y'])
    assert gallery.search(embeddings(1))  # searching goes on


def test_wrong_folders_and_models(folder, tmp_path):
    with pytest.raises(GalleryError, match='holds no gallery .*create'):
        Gallery.open(tmp_path)
    with pytest.raises(GalleryError, match='of the model abc, not of xyz'):
        Gallery.open(folder, 'xyz')
    with pytest.raises(GalleryError, match='holds a gallery already'):
        Gallery.create(folder, 3)
    assert len(reopened(folder, model='abc')) == 5  # no lock is left
    assert list(tmp_path.iterdir()) == [tmp_path / 'new']


def test_one_writer_at_a_time(folder):
    with Gallery.open(folder) as gallery:
        for write in (Gallery.open, gallery.save, in_memory(3).save):
            with pytest.raises(GalleryError, match=rf'\(process {os.getpid()}'
                                                   r'\).*read_only'):
                write(folder)
        reader = Gallery.open(folder, read_only=True)
        gallery.remove([0])
        assert len(reader) == 5
        for change in (lambda: reader.add(embeddings(1), ['x']),
                       lambda: reader.remove([0]), reader.compact,
                       lambda: reader.build_index('ivf')):
            with pytest.raises(GalleryError, match='read_only'):
                change()
        reader.close()
    assert len(reopened(folder)) == 4


def test_a_gallery_that_is_dropped_lets_others_write(folder):
    gallery = Gallery.open(folder)
    del gallery
    assert len(reopened(folder)) == 5


FORKED = '''
import os, sys, time
import numpy as np
from mmreidmix.apis import Gallery, GalleryError

gallery = Gallery.open(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        gallery.add(np.ones((1, gallery.dim)), ['of the child'])
    except GalleryError as error:
        assert 'forked' in str(error)
        gallery.close()  # the parent keeps its right
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
try:
    Gallery.open(sys.argv[1])
    sys.exit('two writers')
except GalleryError:
    pass
gallery.add(np.ones((1, gallery.dim)), ['of the parent'])
child = os.fork()  # as a worker that goes on living
if child == 0:
    time.sleep(60)
    os._exit(0)
gallery.close()
try:
    Gallery.open(sys.argv[1]).close()
finally:
    os.kill(child, 9)
'''


def run(program, *arguments):
    env = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    result = subprocess.run([sys.executable, '-c', program, *arguments],
                            env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_forked_processes_neither_write_nor_keep_the_lock(folder):
    run(FORKED, folder)
    assert len(reopened(folder)) == 6


def bytes_of_last_record(folder, change):
    """Bytes before and after a change."""
    before = log_file(folder).read_bytes()
    with Gallery.open(folder) as gallery:
        change(gallery)
    after = log_file(folder).read_bytes()
    assert after[:len(before)] == before
    return before, after


@pytest.mark.parametrize('change', [
    lambda gallery: gallery.add(embeddings(1, 3), ['x']),
    lambda gallery: gallery.remove([0, 4]),
    lambda gallery: gallery.build_index('ivf', nprobe=3),
])
def test_cut_at_every_byte_of_the_last_record(folder, log, change):
    kept = reopened(folder)
    before, after = bytes_of_last_record(folder, change)
    for end in range(len(before), len(after)):
        log_file(folder).write_bytes(after[:end])
        assert reopened(folder, read_only=True) == kept
        assert log_file(folder).read_bytes() == after[:end]
        log.clear()
        assert reopened(folder) == kept
        assert log_file(folder).read_bytes() == before
        torn = list(folder.glob('torn-*.bin'))
        if end == len(before):
            assert not torn and not log.text
            continue
        assert torn[0].read_bytes() == after[len(before):end]
        assert f'last {end - len(before)} bytes were moved to ' in log.text
        torn[0].unlink()


def test_torn_bytes_are_never_written_over(folder):
    before, after = bytes_of_last_record(
        folder, lambda gallery: gallery.remove([0]))
    for _ in range(3):
        log_file(folder).write_bytes(after[:-1])
        reopened(folder)
    assert len(list(folder.glob('torn-*.bin'))) == 3
    with Gallery.open(folder) as gallery:
        gallery.compact()
    assert not list(folder.glob('torn-*.bin'))


def test_zeros_at_the_end_are_a_torn_record_too(folder, log):
    kept, before = reopened(folder), log_file(folder).read_bytes()
    log_file(folder).write_bytes(before + bytes(5000))
    assert reopened(folder) == kept
    assert log_file(folder).read_bytes() == before
    assert '5000 bytes' in log.text


@settings(max_examples=150)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_is_named_and_nothing_written(
        tmp_path_factory, place, change):
    folder = tmp_path_factory.mktemp('gallery')
    gallery = in_memory(3)
    gallery.save(folder / 'a')
    with Gallery.open(folder / 'a') as gallery:
        gallery.remove([1])
    data = bytearray(log_file(folder / 'a').read_bytes())
    where = int(place * len(data))
    data[where] ^= change
    log_file(folder / 'a').write_bytes(data)
    with pytest.raises(GalleryError, match='gallery.log is damaged at byte ('
                                           r'\d+)') as error:
        Gallery.open(folder / 'a')
    offset = int(str(error.value).split(' byte ')[1].split(':')[0])
    assert 0 <= offset <= where
    assert log_file(folder / 'a').read_bytes() == data
    assert not list((folder / 'a').glob('torn-*'))


@pytest.mark.parametrize('text, message', [
    (b'', 'its first record is not whole'),
    (b'x' * 1000, 'no record begins here'),
])
def test_files_that_are_no_gallery(tmp_path, text, message):
    log_file(tmp_path).write_bytes(text)
    with pytest.raises(GalleryError, match=f'byte 0: {message}'):
        Gallery.open(tmp_path)


def test_a_later_version_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(state, '_VERSION', 2)
    in_memory(3).save(tmp_path)
    monkeypatch.undo()
    with pytest.raises(GalleryError, match='later version of mmreidmix'):
        Gallery.open(tmp_path)


@pytest.mark.parametrize('records', [
    lambda good: good[2:], lambda good: good + good[:1],
    lambda good: good + [good[-1]], lambda good: good + [state.remove_record(
        np.array([77]))], lambda good: good + [(dict(kind='new'), [])],
    lambda good: good + [(dict(kind='add', names=['x']), good[-1][1])],
])
def test_records_that_cannot_follow_each_other(tmp_path, records):
    from mmreidmix.apis.gallery.log import write_log
    gallery = in_memory(3)
    good = list(gallery._state.records())
    write_log(log_file(tmp_path), records(good))
    with pytest.raises(GalleryError, match='is damaged at byte'):
        Gallery.open(tmp_path)


class Full(OSError):
    pass


class Slow:
    """A file that takes some bytes at a time, and may be full."""

    def __init__(self, file, fails):
        self.file, self.fails = file, fails

    def write(self, data):
        self.fails()
        return self.file.write(data[:7])

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize('function', ['write', 'fsync'])
@pytest.mark.parametrize('change', [
    lambda gallery: gallery.add(embeddings(4, 3), names(4, 50)),
    lambda gallery: gallery.remove([0, 4]),
    lambda gallery: gallery.compact(),
])
def test_a_write_that_fails_changes_nothing(
        folder, monkeypatch, function, change):
    """As on a full disk, at the first and at a later call."""
    true, calls = os.fsync, []

    def fails(*args):
        calls.append(args)
        if len(calls) >= fail_at:
            raise Full('no space left')
        return true(*args) if args else None

    for step, fail_at in enumerate([1, 9]):
        with Gallery.open(folder) as gallery:
            before = content(gallery)
            calls.clear()
            if function == 'fsync':
                monkeypatch.setattr(os, 'fsync', fails)
            else:
                gallery._log._file = Slow(gallery._log._file, fails)
            try:
                change(gallery)
            except Full:
                assert content(gallery) == before
            monkeypatch.undo()
            fail_at = np.inf
            after = content(gallery)
            added = gallery.add(embeddings(1), [f'after {step}'])
            assert content(gallery)[:-1] == after and len(added) == 1
            after = content(gallery)
        assert reopened(folder) == after
    assert not list(folder.glob('*.part'))


def test_a_change_that_memory_cannot_follow_ends_the_writing(
        folder, monkeypatch):
    with Gallery.open(folder) as gallery:
        monkeypatch.setattr(gallery._images, 'append', lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gallery.add(embeddings(1), ['x'])
        monkeypatch.undo()
        with pytest.raises(GalleryError, match='open the gallery again'):
            gallery.add(embeddings(1), ['y'])
        with pytest.raises(GalleryError, match='open the gallery again'):
            gallery.compact()
    assert len(reopened(folder)) == 5  # it was taken back


KILLED = '''
import os, random, signal, sys, time
import numpy as np
from mmreidmix.apis import Gallery

def write(number, confirmed):
    gallery = Gallery.open(sys.argv[1])
    for step in range(number, 10**6, 100):
        rows = np.random.default_rng(step).standard_normal((5, gallery.dim))
        ids = gallery.add(rows, [f'{step}/{i}' for i in range(5)])
        os.write(confirmed, f'add {step}\\n'.encode())
        if step % 3 == 2:
            gallery.remove(ids[:2])
            os.write(confirmed, f'remove {step}\\n'.encode())
        if step // 100 % 10 == 4:
            gallery.build_index('ivf', nprobe=1000)
        if step // 100 % 10 == 9:
            gallery.compact()

random.seed(0)
for number in range(12):
    confirmed, other_end = os.pipe()
    child = os.fork()
    if child == 0:
        write(number, other_end)
    os.close(other_end)
    first = os.read(confirmed, 1000)  # it is at work
    time.sleep(random.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(sys.argv[2], 'ab') as file:
        file.write(first + os.read(confirmed, 10**6))
'''


def test_killed_processes_lose_nothing_they_confirmed(tmp_path, monkeypatch):
    """kill -9, twelve times, in the middle of every kind of change."""
    Gallery.create(tmp_path / 'gallery', 300).close()
    run(KILLED, tmp_path / 'gallery', tmp_path / 'confirmed')
    confirmed = [line.split() for line in
                 (tmp_path / 'confirmed').read_text().splitlines()]
    added = {int(step) for what, step in confirmed if what == 'add'}
    removed = {int(step) for what, step in confirmed if what == 'remove'}
    assert len({step % 100 for step in added}) == 12
    with Gallery.open(tmp_path / 'gallery') as gallery:
        found = {entry.name: entry.id
                 for entry in gallery.entries(gallery.ids)}
        doubtful = set()  # done or not when the process ended
        for step in sorted(added):
            rows = np.random.default_rng(step).standard_normal((5, 300))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            there = [i for i in range(5) if f'{step}/{i}' in found]
            if there != ([2, 3, 4] if step in removed else [0, 1, 2, 3, 4]):
                assert there == [2, 3, 4] and step % 3 == 2
                doubtful.add(step)
            ids = [found.pop(f'{step}/{i}') for i in there]
            np.testing.assert_allclose(
                gallery.embeddings(ids), rows[there], atol=1e-6)
        doubtful |= {int(name.split('/')[0]) for name in found}
        # At most the one change that each was about to make.
        assert len({step % 100 for step in doubtful}) == len(doubtful)
        monkeypatch.setattr(search, 'EXACT_LIMIT', 0)
        for match, in gallery.search(rows[there], 1):  # by the index
            assert match.id in ids
        gallery.add(np.ones((1, 300)), ['after'])
    assert not list((tmp_path / 'gallery').glob('*.part'))


def test_leftovers_of_a_crash_are_swept(folder):
    for name in ('gallery-abc.part', 'index-abc.part', 'other-abc.part'):
        (folder / name).write_bytes(b'half a log')
    reopened(folder, read_only=True)
    assert len(list(folder.glob('*.part'))) == 3
    reopened(folder)
    assert [path.name for path in folder.glob('*.part')] == ['other-abc.part']


def test_compaction_forgets_what_was_removed(folder):
    kept, size = reopened(folder), log_file(folder).stat().st_size
    name = names(2)[1].encode()
    assert name in log_file(folder).read_bytes()
    with Gallery.open(folder) as gallery:
        gallery.compact()
        assert content(gallery) == kept
        assert gallery.add(embeddings(1), ['x']).tolist() == [6]
        gallery.remove([6])
        gallery.compact()
    assert log_file(folder).stat().st_size < size
    assert name not in log_file(folder).read_bytes()
    assert reopened(folder) == kept
    with Gallery.open(folder) as gallery:
        assert gallery.add(embeddings(1), ['y']).tolist() == [7]


def test_save_and_overwrite(folder, tmp_path):
    gallery = in_memory(9)
    gallery.remove([8])
    gallery.save(tmp_path / 'copy')
    assert reopened(tmp_path / 'copy') == content(gallery)
    with pytest.raises(GalleryError, match='overwrite=True'):
        gallery.save(folder)
    assert len(reopened(folder)) == 5
    gallery.save(folder, overwrite=True)
    assert reopened(folder) == content(gallery)
    with Gallery.open(folder) as other:
        assert other.model is None
        assert other.add(embeddings(1), ['x']).tolist() == [9]


def test_many_records_of_one_gallery(tmp_path, monkeypatch):
    """Whose records begin and end within blocks."""
    expected = content(in_memory(30))
    monkeypatch.setattr(state, '_RECORD_ROWS', 4)
    monkeypatch.setattr(vectors, 'BLOCK', 7)
    in_memory(30).save(tmp_path)
    assert reopened(tmp_path) == expected
