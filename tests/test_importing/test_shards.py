import tarfile

import numpy as np
import pyarrow
import pytest

from mmreidmix.datasets.domain_files import shard_name
from mmreidmix.datasets.image_bytes import (
    ImageReadError,
    num_bytes,
    piece_address,
    read_bytes,
)
from mmreidmix.importing.shards import pack

PATHS = [f'{"long" * 30 if i == 3 else "d"}/ä{i:02d}.jpg' for i in range(20)]
DATA = {path: np.random.default_rng(i).bytes(i * 300)
        for i, path in enumerate(PATHS)}
TABLE = pyarrow.table(dict(path=PATHS))


def places(folder, table):
    return [piece_address(str(folder / shard_name(row['shard'])),
                          row['offset'], row['size'], row['path'])
            for row in table.to_pylist()]


def test_each_image_is_found(tmp_path):
    seen = []
    table = pack(TABLE, tmp_path, DATA.get, seen.append, shard_bytes=9000)
    assert sum(seen) == 20
    addresses = places(tmp_path, table)
    assert [read_bytes(a) for a in addresses] == list(DATA.values())
    assert [num_bytes(a) for a in addresses] == list(map(len, DATA.values()))
    assert [read_bytes(f'file://{a}') for a in addresses] == list(
        DATA.values())
    assert table['shard'].to_pylist()[-1] > 2
    with tarfile.open(tmp_path / shard_name(0)) as tar:
        names = tar.getnames()
        assert tar.extractfile(names[2]).read() == DATA[names[2]]
    assert names == PATHS[:len(names)]


def test_stop_and_go_on(tmp_path):
    whole = pack(TABLE, tmp_path / 'a', DATA.get, shard_bytes=9000)
    reads = []

    def stopped(path):
        reads.append(path)
        if path == PATHS[15]:
            raise KeyboardInterrupt
        return DATA[path]

    with pytest.raises(KeyboardInterrupt):
        pack(TABLE, tmp_path / 'b', stopped, shard_bytes=9000)
    done = len(list((tmp_path / 'b').rglob('*.tar')))
    assert done > 1
    rest = []
    table = pack(TABLE, tmp_path / 'b',
                 lambda path: rest.append(path) or DATA[path],
                 shard_bytes=9000)
    assert table.equals(whole)
    assert 0 < len(rest) < 20
    for file in (tmp_path / 'a').rglob('*.*'):
        other = tmp_path / 'b' / file.relative_to(tmp_path / 'a')
        assert other.read_bytes() == file.read_bytes()


def test_shard_of_other_images(tmp_path):
    pack(TABLE, tmp_path, DATA.get)
    with pytest.raises(ValueError, match='000000.tar is of other images'):
        pack(pyarrow.table(dict(path=['x.jpg'])), tmp_path, lambda _: b'')


def test_shard_that_is_cut_or_gone(tmp_path):
    table = pack(TABLE, tmp_path, DATA.get)
    address = places(tmp_path, table)[-1]
    shard = tmp_path / shard_name(0)
    shard.write_bytes(shard.read_bytes()[:-12000])
    with pytest.raises(ImageReadError, match='the shard is cut short'):
        read_bytes(address)
    shard.unlink()
    with pytest.raises(ImageReadError, match='cannot be opened .*No such'):
        read_bytes(address)
    with pytest.raises(ImageReadError, match='cannot be opened'):
        read_bytes(f'file://{address}')
