import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from mmengine.runner import runner

from mmreidmix.compat import write_checkpoints_by
from mmreidmix.files import check_place, read_arrays, replace_file


@pytest.mark.parametrize('umask, mode', [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_says_who_may_read(tmp_path, umask, mode):
    old = os.umask(umask)
    try:
        replace_file(tmp_path / 'new' / 'a.bin', lambda file: file.write(b'1'))
    finally:
        os.umask(old)
    file, = (tmp_path / 'new').iterdir()
    assert file.read_bytes() == b'1'
    assert file.stat().st_mode & 0o777 == mode


def test_a_place_is_tried_before_the_work(tmp_path):
    check_place(tmp_path / 'new' / 'folder' / 'a.npz')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r'file/b/a\.npz can not be written: '):
        check_place(tmp_path / 'file' / 'b' / 'a.npz')
    with pytest.raises(IsADirectoryError, match='is a folder; name a file'):
        check_place(tmp_path)


@contextmanager
def full_disk():
    """Of every file, 600 bytes find space."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def torch_save(file):
    torch.save(dict(a=torch.ones(999)), file)


def numpy_save(file):
    np.savez(file, a=np.ones(999))


@pytest.mark.parametrize('write', [
    torch_save, numpy_save, lambda file: file.write(bytes(999))])
def test_a_full_disk_leaves_the_old_file(tmp_path, write):
    file = tmp_path / 'a.bin'
    file.write_bytes(b'old')
    with pytest.raises(OSError, match=(
            r'a\.bin can not be written: File too large$')), full_disk():
        replace_file(file, write)
    assert [path.name for path in tmp_path.iterdir()] == ['a.bin']
    assert file.read_bytes() == b'old'


def test_errors_of_the_content_stay_their_own(tmp_path):
    def write(file):
        file.write(b'half')
        raise FileNotFoundError('no image x.jpg')

    with pytest.raises(FileNotFoundError, match='^no image x.jpg$'):
        replace_file(tmp_path / 'a.bin', write)
    assert not list(tmp_path.iterdir())


def test_no_place_to_write_to(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='a.bin can not be written: '):
        replace_file(tmp_path / 'file' / 'a.bin', bytes)


def test_checkpoints_are_written_whole(tmp_path, monkeypatch):
    elsewhere = []
    monkeypatch.setattr(
        runner, 'save_checkpoint',
        lambda checkpoint, filename, **options: elsewhere.append(filename))
    for _ in range(2):  # two runs of one process
        write_checkpoints_by(replace_file)
    file = tmp_path / 'epoch_1.pth'
    runner.save_checkpoint(dict(a=torch.ones(2)), str(file), backend_args=None)

    def cut(content, file):
        file.write(b'half')
        raise OSError('cut')

    monkeypatch.setattr(torch, 'save', cut)
    with pytest.raises(OSError, match='cut'):
        runner.save_checkpoint(dict(a=torch.zeros(2)), str(file))
    monkeypatch.undo()
    assert torch.equal(torch.load(file)['a'], torch.ones(2))
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.pth']


def test_checkpoints_of_other_places_are_mmengines(monkeypatch):
    elsewhere = []
    monkeypatch.setattr(
        runner, 'save_checkpoint',
        lambda checkpoint, filename, **options: elsewhere.append(filename))
    write_checkpoints_by(replace_file)
    runner.save_checkpoint({}, 's3://bucket/epoch_1.pth', backend_args={})
    assert elsewhere == ['s3://bucket/epoch_1.pth']


def test_arrays_that_are_damaged(tmp_path):
    file = tmp_path / 'a.npz'
    np.savez(file, a=np.ones(3), b=np.array(['x', 'yz']))
    assert read_arrays(file, ['b', 'c'])['b'].tolist() == ['x', 'yz']
    data = file.read_bytes()
    for place, value in ((6, 99), (8, 1)):  # version needed, encryption
        bad = bytearray(data)
        bad[data.index(b'PK\x01\x02') + place] = value
        file.write_bytes(bad)
        with pytest.raises(ValueError, match=r'a\.npz is broken or no'):
            read_arrays(file)
