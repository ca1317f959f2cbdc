"""Embeddings of many images as a job of shards, which workers share.

The folder of a job holds ``job.json`` (what is embedded, and by what),
``shards/`` (lists of images), ``embeddings/`` (a file for each shard that is
done) and ``claims/`` (a lock for each shard that a worker has begun).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmreidmix.apis.gallery import (
    create_gallery,
    holds_gallery,
    open_gallery,
)
from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.checks import check_count, name_some
from mmreidmix.choices import EXPORTED
from mmreidmix.datasets.image_bytes import read_bytes
from mmreidmix.datasets.transforms import ImageReadError
from mmreidmix.files import (
    FileHeldError,
    FileLock,
    read_arrays,
    replace_file,
)

from . import SHARD_IMAGES
from .domain_images import DomainImages
from .gallery_filling import Address, Reader
from .path_parsing import PathReader

_FORMAT = 1
_PLAN = 'job.json'
# Arrays with a row for each image.
_COLUMNS = ('embeddings', 'pids', 'camids', 'times', 'tracklets')


@dataclass
class Count:
    """What :meth:`Job.check` found.

    Attributes:
        images (int): of the plan.
        embedded (int): with an embedding.
        unreadable (list[str]): what is wrong with each image that workers
            could not read.
        missing (int): neither embedded nor unreadable.
        doubled (int): more often than once in the result.
        undone (list[str]): shards without a result.
        faults (list[str]): results that are not of this job, or damaged.
    """

    images: int
    embedded: int = 0
    unreadable: list[str] = field(default_factory=list)
    missing: int = 0
    doubled: int = 0
    undone: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether each image is in the result exactly once."""
        return not (self.missing or self.doubled or self.faults)

    def __str__(self) -> str:
        """All numbers."""
        return (f'{self.images:,} images, {self.embedded:,} embedded, '
                f'{len(self.unreadable):,} unreadable, {self.missing:,} '
                f'missing, {self.doubled:,} doubled, {len(self.undone):,} '
                f'shards not done, {len(self.faults):,} faults')


class Work(NamedTuple):
    """What one worker did.

    Attributes:
        done (int): images of its shards.
        refused (list[str]): why shards were left: their images changed.
    """

    done: int
    refused: list[str]


class Job:
    """A job that was planned.

    Args:
        folder (str | Path): of the job.

    Raises:
        FileNotFoundError: there is no plan.
        ValueError: the plan is damaged or of another version.
    """

    def __init__(self, folder: Union[str, Path]):
        self.folder = Path(folder)
        file = self.folder / _PLAN
        if not file.is_file():
            raise FileNotFoundError(
                f'no {_PLAN} in {folder}: plan the job first')
        data = file.read_bytes()
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.plan = _parsed(data, file)
        if not isinstance(self.plan, dict) or (
                self.plan.get('format') != _FORMAT):
            raise ValueError(f'{file} is no plan of format {_FORMAT}')

    def __len__(self) -> int:
        """Number of shards."""
        return len(self.plan['shards'])

    def output(self, number: int) -> Path:
        """File of the embeddings of a shard."""
        return self.folder / 'embeddings' / f'{number:05d}.npz'

    def images(self, number: int) -> list[dict]:
        """Name, size and SHA-256 of each image of a shard.

        Raises:
            FileNotFoundError, ValueError: the list is not that of the plan.
        """
        file = _list_file(self.folder, number)
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.plan['shards'][number]:
            raise ValueError(f'{file} was changed after the plan: plan a new '
                             'job in another folder')
        return _parsed(data, file)

    def open_model(self, model: Optional[str] = None,
                   weights: Optional[str] = None,
                   device: Optional[str] = None) -> ReIDInferencer:
        """The model of the plan, or the same one at another place.

        Raises:
            ValueError: it has other weights, another test transform or
                another number format than the plan.
        """
        if model is None:
            model = self.plan['model']
            weights = weights or self.plan['weights']
        amp = None if Path(model).suffix in EXPORTED else (
            self.plan['precision'] == 'bf16')
        inferencer = ReIDInferencer(
            model, weights, device, batch_size=self.plan['batch_size'],
            amp=amp)
        for what, found in (('sha256', inferencer.sha256),
                            ('transform', _transform(inferencer)),
                            ('precision', inferencer.precision)):
            if found != self.plan[what]:
                raise ValueError(
                    f'{model} is not the model that {self.folder} was '
                    f'planned with: {what} is {found}, expected '
                    f'{self.plan[what]}. Plan another job for another model')
        return inferencer

    def work(self, inferencer: ReIDInferencer, index: Optional[int] = None,
             of: Optional[int] = None,
             report: Callable = lambda done, total: None) -> Work:
        """Embed shards that are not done, until none is free.

        Args:
            inferencer (ReIDInferencer): of :meth:`open_model`.
            index (int, optional): do the shards ``index``, ``index + of``,
                ... and claim none. Default: claim each free shard.
            of (int, optional): number of workers with an index.
            report (Callable): is called after each shard with the number of
                images done by this call, and that with those of all shards
                that it has not come to.

        Raises:
            ValueError: only one of index and of, or out of range.
        """
        todo = [number for number in self._numbers(index, of)
                if not self.output(number).exists()]
        address, reader = _input(self.plan['input'])
        total = sum(self.plan['sizes'][number] for number in todo)
        done, refused = 0, []
        for number in todo:
            size, finished = self.plan['sizes'][number], False
            try:
                with nullcontext() if of else self._claim(number):
                    # Another worker may have done it before the claim.
                    if not self.output(number).exists():
                        self._embed(number, inferencer, address, reader)
                        finished = True
            except FileHeldError:
                pass
            except ChangedImagesError as error:
                refused.append(str(error))
            if finished:
                done += size
                report(done, total)
            else:
                total -= size
        return Work(done, refused)

    def _numbers(self, index: Optional[int], of: Optional[int]) -> range:
        if index is None and of is None:
            return range(len(self))
        if index is None or of is None or not 0 <= index < of:
            raise ValueError('index and of go together, index from 0 to '
                             f'of - 1: got {index} of {of}')
        return range(index, len(self), of)

    @contextmanager
    def _claim(self, number: int) -> Iterator[None]:
        """Hold a lock, which ends with this process at the latest."""
        file = self.folder / 'claims' / f'{number:05d}.lock'
        file.parent.mkdir(exist_ok=True)
        try:
            lock = FileLock(file)
        except FileHeldError:
            raise
        except OSError as error:
            raise OSError(f'{file} can not be locked: {error.strerror}. Give '
                          'each worker --index and --of: then nothing is '
                          'locked') from error
        try:
            yield
        finally:
            lock.release()

    def _embed(self, number: int, inferencer: ReIDInferencer,
               address: Address, reader: Reader) -> None:
        images = self.images(number)
        names = [image['name'] for image in images]
        places = [address(name) for name in names]
        rows, errors = [], {}
        for first in range(0, len(names), self.plan['part']):
            part = places[first:first + self.plan['part']]
            embeddings, damaged = inferencer.readable(part)
            rows += [embeddings] if len(embeddings) else []
            errors.update({first + i: str(e) for i, e in damaged.items()})
        # After the work, so that a change in the middle is noticed too.
        _check_unchanged(self.output(number).stem, images, places)
        embedded = [n for i, n in enumerate(names) if i not in errors]
        arrays = dict(
            reader(embedded)._asdict(),
            **self._marks(number),
            embeddings=np.concatenate(rows) if rows else np.zeros(
                (0, 0), np.float32),
            names=np.array(embedded, str),
            unreadable=np.array([names[i] for i in errors], str),
            reasons=np.array(list(errors.values()), str))
        replace_file(self.output(number),
                     lambda stream: np.savez(stream, **arrays))

    def parts(self) -> Iterator[dict[str, np.ndarray]]:
        """Arrays of one shard after the other, as ``extract.py`` writes them.

        Raises:
            ValueError: the job is not complete.
        """
        count = self.check()
        if not count.complete:
            raise ValueError(f'{self.folder} is not complete: {count}. '
                             'Start a worker, or look what check says')
        for number in range(len(self)):
            yield read_arrays(self.output(number))

    def check(self) -> Count:
        """Count the images of the result; one shard is read at a time.

        Raises:
            FileNotFoundError, ValueError: a list is not that of the plan.
        """
        count = Count(sum(self.plan['sizes']), faults=self._strangers())
        for number in range(len(self)):
            self._count(number, count)
        return count

    def _count(self, number: int, count: Count) -> None:
        wanted = {image['name'] for image in self.images(number)}
        found: Counter = Counter()
        try:
            arrays = self._result(number)
        except FileNotFoundError:
            count.undone.append(self.output(number).stem)
        except ValueError as error:
            count.faults.append(f'{error}. Remove it and start a worker')
        else:
            found.update(arrays['names'].tolist())
            count.embedded += len(wanted & found.keys())
            found.update(arrays['unreadable'].tolist())
            count.unreadable += arrays['reasons'].tolist()
        count.missing += len(wanted - found.keys())
        count.doubled += sum(times > 1 for times in found.values())

    def _result(self, number: int) -> dict[str, np.ndarray]:
        file = self.output(number)
        arrays = read_arrays(file)
        for name, wanted in self._marks(number).items():
            if name not in arrays or str(arrays[name]) != wanted:
                raise ValueError(f'{file} is of another {name}, not of '
                                 f'{wanted}')
        rows = len(arrays.get('names', ()))
        wrong = [name for name in _COLUMNS
                 if len(arrays.get(name, ())) != rows]
        if wrong or not np.isfinite(arrays['embeddings']).all():
            raise ValueError(f'{file} has not a finite row for each name')
        return arrays

    def _marks(self, number: int) -> dict[str, str]:
        """What the file of a shard says of itself."""
        return dict(job=self.sha256, shard=self.plan['shards'][number],
                    model=self.plan['sha256'],
                    precision=self.plan['precision'])

    def _strangers(self) -> list[str]:
        known = {self.output(number) for number in range(len(self))}
        found = set((self.folder / 'embeddings').glob('*.npz'))
        return [f'{file} is of no shard of the plan. Remove it'
                for file in sorted(found - known)]


class ChangedImagesError(ValueError):
    """Images are not those of the plan."""


def plan_job(folder: Union[str, Path], inferencer: ReIDInferencer,
             model: str, weights: Optional[str], place: dict,
             names: Sequence[str], part: int,
             shard_images: int = SHARD_IMAGES) -> Job:
    """Write the lists of a job and then its plan.

    Every image is read once, for its SHA-256.

    Args:
        folder (str | Path): of the job; there must be no plan in it.
        inferencer (ReIDInferencer): that will embed, without profiles.
        model (str): its file, and ``weights`` that of a config.
        weights (str, optional): see there.
        place (dict): of the images: ``domain``, a config, or ``root``,
            ``pattern`` and ``time_format``.
        names (Sequence[str]): of the images, none twice.
        part (int): images that are embedded at a time.
        shard_images (int): images of a shard.

    Raises:
        FileExistsError: there is a plan already.
        ValueError: a name is there twice, or paths do not follow the
            pattern.
    """
    check_count('plan_job', 1, part=part, shard_images=shard_images)
    folder = Path(folder)
    if (folder / _PLAN).exists():
        raise FileExistsError(
            f'{folder / _PLAN} exists: go on with it by a worker, or plan in '
            'another folder')
    if len(set(names)) < len(names):
        raise ValueError('plan_job: each image must be named once')
    address, reader = _input(place)
    reader(names)  # refuse wrong paths
    hashes, sizes = [], []
    for number, first in enumerate(range(0, len(names), shard_images)):
        listed = names[first:first + shard_images]
        prints = _fingerprints([address(name) for name in listed])
        hashes.append(_write_json(
            _list_file(folder, number),
            [dict(name=name, **found)
             for name, found in zip(listed, prints)]))
        sizes.append(len(listed))
    _write_json(folder / _PLAN, dict(
        format=_FORMAT, model=model, weights=weights,
        sha256=inferencer.sha256, transform=_transform(inferencer),
        precision=inferencer.precision, batch_size=inferencer.batch_size,
        part=part, input=place, sizes=sizes, shards=hashes))
    return Job(folder)


def job_to_gallery(job: Job, folder: Union[str, Path],
                   store: Optional[str] = None) -> tuple[int, int]:
    """Add the embeddings of a complete job to a gallery, shard by shard.

    After a stop the same call goes on where it ended.

    Args:
        job (Job): the job.
        folder (str | Path): of the gallery; with ``store`` its name there.
        store (str, optional): URL of a server, see ``open_gallery``.

    Returns:
        tuple[int, int]: images added, and images that were there already.

    Raises:
        GalleryError: the gallery is of another model, damaged, or open for
            writing elsewhere.
        ImageReadError: all images are unreadable.
        ValueError: the job is not complete.
    """
    gallery = open_gallery(folder, job.plan['sha256'], store=store) if (
        holds_gallery(folder, store)) else None
    added = known = 0
    try:
        for part in job.parts():
            if not len(part['names']):
                continue
            if gallery is None:
                gallery = create_gallery(
                    folder, part['embeddings'].shape[1],
                    job.plan['sha256'], store=store)
            fresh = np.flatnonzero(
                gallery.ids_of(part['names'].tolist()) < 0)
            known += len(part['names']) - len(fresh)
            if len(fresh):
                gallery.add(
                    part['embeddings'][fresh],
                    part['names'][fresh].tolist(), part['camids'][fresh],
                    part['times'][fresh], part['tracklets'][fresh])
                added += len(fresh)
    finally:
        if gallery is not None:
            gallery.close()
    if not added + known:
        raise ImageReadError(f'all images of {job.folder} are unreadable, '
                             'nothing is added')
    return added, known


def _input(place: dict) -> tuple[Address, Reader]:
    """Where images are and what reads their labels."""
    if place['domain'] is not None:
        images = DomainImages(place['domain'])
        return images.address, images
    root = Path(place['root'])
    reader = PathReader(place['pattern'], place['time_format'])
    return root.joinpath, partial(reader, where=root)


def _fingerprints(places: Sequence[Union[str, Path]]) -> list[dict]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_fingerprint, places))


def _fingerprint(place: Union[str, Path]) -> dict:
    """Size and SHA-256 of an image; None where it can not be read."""
    try:
        data = read_bytes(place)
    except OSError:
        return dict(size=None, sha256=None)
    return dict(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _check_unchanged(shard: str, images: Sequence[dict],
                     places: Sequence[Union[str, Path]]) -> None:
    changed = [
        image['name'] for image, found in zip(images, _fingerprints(places))
        if dict(found, name=image['name']) != image]
    if changed:
        raise ChangedImagesError(
            f'shard {shard}: {len(changed):,} images were changed or removed '
            f'after the plan, {name_some(changed)}. Bring them back, or plan '
            'a new job in another folder')


def _transform(inferencer: ReIDInferencer) -> str:
    """The test transform, as text that can be compared."""
    return json.dumps(inferencer.prepare.pipeline, sort_keys=True)


def _list_file(folder: Path, number: int) -> Path:
    return folder / 'shards' / f'{number:05d}.json'


def _write_json(file: Path, value: Any) -> str:
    """Write a file; its SHA-256."""
    data = json.dumps(value, indent=0).encode()
    replace_file(file, lambda stream: stream.write(data))
    return hashlib.sha256(data).hexdigest()


def _parsed(data: bytes, file: Path) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f'{file} is damaged: {error}') from error
