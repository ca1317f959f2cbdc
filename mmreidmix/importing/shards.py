"""Images packed into tar files, so that a domain is few files."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmreidmix.datasets.domain_files import shard_name

if TYPE_CHECKING:
    import pyarrow

#: A shard is closed when it holds so many bytes of images.
SHARD_BYTES = 256 * 2**20
_BLOCK = 512  # of the tar format


def pack(table: pyarrow.Table,
         folder: Path,
         read: Callable[[str], bytes],
         advance: Callable[[int], None] = lambda amount: None,
         shard_bytes: int = SHARD_BYTES) -> pyarrow.Table:
    """Write the images of a table into shards, in its order.

    Shards are what WebDataset reads: a member is named as its image. A shard
    that is whole from an earlier, stopped call is not written again.

    Args:
        table (pyarrow.Table): of a domain, N rows.
        folder (Path): the domain.
        read (Callable): path of a row -> bytes of its image.
        advance (Callable): told how many images have been packed.
        shard_bytes (int): size of a shard.

    Returns:
        pyarrow.Table: with the columns shard, offset and size.

    Raises:
        OSError: an image can not be read, or there is no space left.
    """
    import pyarrow
    shards, offsets, sizes = [], [], []
    paths = iter(table['path'].to_pylist())

    def counted(path: str) -> bytes:
        advance(1)
        return read(path)

    for number, members in enumerate(
            _shards(folder, paths, counted, advance, shard_bytes)):
        shards += [number] * len(members)
        offsets += [offset for offset, _ in members]
        sizes += [size for _, size in members]
    for name, values, kind in (('shard', shards, pyarrow.int32()),
                               ('offset', offsets, pyarrow.int64()),
                               ('size', sizes, pyarrow.int64())):
        table = table.append_column(name, pyarrow.array(values, kind))
    return table


def _shards(folder: Path, paths: Iterator[str],
            read: Callable[[str], bytes],
            advance: Callable[[int], None],
            shard_bytes: int) -> Iterator[list[tuple[int, int]]]:
    """Place (offset, size) of the images of each shard, in turn."""
    number = 0
    path = next(paths, None)
    while path is not None:
        file = folder / shard_name(number)
        members = _members(file)
        if members is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            path, places = _write(file, path, paths, read, shard_bytes)
        else:
            for name, *_ in members:
                if name != path:
                    raise ValueError(
                        f'{file} is of other images: {name!r} is where '
                        f'{path!r} belongs. Remove {folder} and import again')
                path = next(paths, None)
            places = [(offset, size) for _, offset, size in members]
            advance(len(places))
        yield places
        number += 1


def _write(file: Path, path: str, paths: Iterator[str],
           read: Callable[[str], bytes], shard_bytes: int
           ) -> tuple[str | None, list[tuple[int, int]]]:
    """Write one shard; returns the first path that it does not hold."""
    partial = file.with_suffix('.part')
    places = []
    following: str | None = path
    with tarfile.open(partial, 'w', format=tarfile.GNU_FORMAT) as tar:
        while following is not None and tar.offset < shard_bytes:
            data = read(following)
            member = tarfile.TarInfo(following)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            padded = -(-len(data) // _BLOCK) * _BLOCK
            places.append((tar.offset - padded, len(data)))
            following = next(paths, None)
    os.replace(partial, file)
    return following, places


def _members(file: Path) -> Sequence[tuple[str, int, int]] | None:
    """Name, offset and size of the images of a shard; None if not there."""
    if not file.is_file():
        return None
    with tarfile.open(file) as tar:
        return [(m.name, m.offset_data, m.size) for m in tar]
