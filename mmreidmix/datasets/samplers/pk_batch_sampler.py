"""Batches of P identities with K images each, with a quota per domain."""

from collections.abc import Iterator, Mapping
from typing import Optional, Union

import numpy as np
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from torch.utils.data import Sampler

from mmreidmix.checks import check_choice, check_count
from mmreidmix.datasets.sample_key import SampleKey
from mmreidmix.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class PKBatchSampler(Sampler):
    """Yields batches of P identities x K images of a :class:`DomainMixture`.

    One endless stream of identities is drawn from (seed, epoch), the same in
    every process; process r takes the r-th part of each global batch. So two
    processes with half the batch each see the images (and augmentations) of
    one process with the whole batch. Labels are read from the mixture's label
    table when an epoch starts.

    Each domain's identities are shuffled anew whenever all were used. With
    ``camera_aware`` the other K - 1 images of an identity come from other
    cameras than the first wherever there are any (without repetition where
    there are enough), as in DomainMix' ``RandomMultipleGallerySampler``.

    Args:
        sampler (Sampler): MMEngine's ``DefaultSampler`` over the mixture; it
            provides the data set, the seed and the epoch.
        batch_size (int): images per process and iteration.
        num_instances (int | Mapping[str, int]): K, images per identity, or
            domain name -> K for each domain of the quotas. Defaults to 4.
        quotas (Mapping[str, int] | str, optional): domain name -> its
            identities in every block of ``sum(quotas.values())`` identities,
            e.g. ``dict(personx=3, msmt17=1)``; 'equal': one of each domain in
            turn. None draws from one pool of all identities (the released
            DomainMix).
        iters_per_epoch (int): iterations per epoch; fixed, so that schedules
            do not depend on the number of clusters.
        camera_aware (bool): see above. Defaults to True.
        same_camera (Mapping[str, int], optional): domain name -> length of
            runs of identities of one camera. Where cameras are videos, as in
            single-camera domains, this puts persons of one video into a
            batch, which are hard to tell apart. None: runs of 1.

    Attributes:
        first_batch (int): batches before it are drawn, but not handed out; a
            training that is resumed inside an epoch sets it.

    Raises:
        ValueError: the batch can not be formed from K and the quotas, or a
            domain is unknown.
    """

    def __init__(self,
                 sampler: Sampler,
                 batch_size: int,
                 iters_per_epoch: int,
                 num_instances: Union[int, Mapping[str, int]] = 4,
                 quotas: Union[Mapping[str, int], str, None] = None,
                 camera_aware: bool = True,
                 same_camera: Optional[Mapping[str, int]] = None):
        if sampler is None:
            raise ValueError('PKBatchSampler: the loader has no `sampler`; '
                             "set it to dict(type='DefaultSampler')")
        check_count(
            self, 1, batch_size=batch_size, iters_per_epoch=iters_per_epoch)
        for count in (num_instances.values() if isinstance(
                num_instances, Mapping) else (num_instances, )):
            check_count(self, 1, num_instances=count)
        self.sampler = sampler
        self.mixture = sampler.dataset
        self.batch_size = batch_size
        self.num_instances = num_instances
        self.iters_per_epoch = iters_per_epoch
        self.first_batch = 0
        self.camera_aware = camera_aware
        self.rank, self.world_size = get_dist_info()
        if isinstance(quotas, str):
            check_choice(self, ('equal', ), quotas=quotas)
            quotas = dict.fromkeys(self.mixture.names, 1)
        self.pattern = self._pattern(quotas)
        self.instances = self._instances(quotas)
        block = sum(self.instances[domain] for domain in self.pattern)
        if batch_size % block:
            raise ValueError(
                f'PKBatchSampler: a batch of {batch_size} images can not be '
                f'formed from K = {num_instances} images per identity and '
                f'quotas {dict(quotas or {})}: batch_size must be a multiple '
                f'of {block}, the images of one block of '
                f'{len(self.pattern)} identities')
        self.num_ids = batch_size // block * len(self.pattern)
        same_camera = same_camera or {}
        check_domains('same_camera', same_camera, self.mixture.names)
        check_count(self, 1, **{
            f'same_camera[{name!r}]': length
            for name, length in same_camera.items()})
        self.run_lengths = {
            self.mixture.names.index(name): length
            for name, length in same_camera.items()
        }

    def _pattern(self, quotas: Optional[Mapping[str, int]]) -> list:
        """Domain of each identity of a block, spread as evenly as can be."""
        if quotas is None:
            return [None]
        names = self.mixture.names
        check_domains('quotas', quotas, names)
        absent = [name for name in names if name not in quotas]
        if absent:
            raise ValueError(
                f'PKBatchSampler: quotas {dict(quotas)} name no number for '
                f'the domains {absent}; 0 leaves a domain out of the batches')
        check_count(self, 0, **{
            f'quotas[{name!r}]': count for name, count in quotas.items()})
        if not any(quotas.values()):
            raise ValueError(f'PKBatchSampler: quotas {dict(quotas)} leave no '
                             'domain a place in the batch')
        slots = [((k + 0.5) / count, names.index(name))
                 for name, count in quotas.items() for k in range(count)]
        return [domain for _, domain in sorted(slots)]

    def _instances(self, quotas: Optional[Mapping[str, int]]) -> dict:
        """K of each domain of the pattern."""
        if not isinstance(self.num_instances, Mapping):
            return dict.fromkeys(self.pattern, self.num_instances)
        check_domains('num_instances', self.num_instances, self.mixture.names)
        given = {
            self.mixture.names.index(name): count
            for name, count in self.num_instances.items()
        }
        if quotas is None or set(self.pattern) - set(given):
            raise ValueError(
                f'PKBatchSampler: num_instances {dict(self.num_instances)} '
                'must name every domain of the quotas '
                f'{None if quotas is None else dict(quotas)}; or give one '
                'number for all')
        return given

    def identities_per_epoch(self, domain: int) -> int:
        """Places for identities of a domain in an epoch of all processes."""
        share = sum(d in (None, domain) for d in self.pattern)
        return (self.num_ids * share // len(self.pattern) * self.world_size *
                self.iters_per_epoch)

    def __len__(self) -> int:
        return self.iters_per_epoch

    def __iter__(self) -> Iterator[list]:
        rng = np.random.default_rng([self.sampler.seed, self.sampler.epoch])
        images = self._images_by_identity()
        streams = self._identity_streams(images, rng)
        for number in range(self.iters_per_epoch):
            batch = []
            for slot in range(self.num_ids * self.world_size):
                domain = self.pattern[slot % len(self.pattern)]
                picked = self._pick(images[next(streams[domain])],
                                    self.instances[domain], rng)
                seeds = rng.integers(2**31, size=len(picked))
                batch += [
                    SampleKey(int(index), int(seed))
                    for index, seed in zip(picked, seeds)
                ]
            start = self.rank * self.batch_size
            if number >= self.first_batch:
                yield batch[start:start + self.batch_size]

    def _images_by_identity(self) -> dict:
        labels = self.mixture.label_table.labels
        order = np.argsort(labels, kind='stable')
        order = order[np.searchsorted(labels[order], 0):]
        if not len(order):
            raise ValueError('PKBatchSampler: no image of the mixture has an '
                             'identity (no labelled domain, no cluster)')
        bounds = np.flatnonzero(np.diff(labels[order])) + 1
        groups = np.split(order, bounds)
        return {int(labels[group[0]]): group for group in groups}

    def _identity_streams(self, images: dict,
                          rng: np.random.Generator) -> dict:
        """Endless shuffled identities of each domain of the pattern."""
        labels = np.array(list(images))
        first = np.array([group[0] for group in images.values()])
        domains = self.mixture.domain_of(first)
        streams = {}
        for domain in dict.fromkeys(self.pattern):
            own = np.full(len(labels), True) if domain is None else (
                domains == domain)
            if not own.any():
                print_log(
                    f'{self.mixture.names[domain]} has no identity in epoch '
                    f'{self.sampler.epoch + 1}: its places in the batch go to '
                    'the identities of the other domains',
                    logger='current')
                own[:] = True
            length = self.run_lengths.get(domain, 1)
            streams[domain] = _shuffled_forever(
                labels[own], rng) if length == 1 else _runs_forever(
                    labels[own], self.mixture.camids[first[own]], length, rng)
        return streams

    def _pick(self, group: np.ndarray, count: int,
              rng: np.random.Generator) -> np.ndarray:
        """K images of one identity, the first one drawn freely."""
        first = rng.integers(len(group))
        others = np.delete(group, first)
        if self.camera_aware:
            camids = self.mixture.camids
            elsewhere = others[camids[others] != camids[group[first]]]
            others = elsewhere if len(elsewhere) else others
        if not len(others):
            return np.repeat(group[first], count)
        rest = count - 1
        picked = rng.choice(others, rest, replace=len(others) < rest)
        return np.concatenate([[group[first]], picked])


def check_domains(option: str, given: Mapping, names: list) -> None:
    """Raise ValueError for names that are no domains of the mixture."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(
            f'PKBatchSampler: {option} {dict(given)} has {unknown}, but the '
            f'domains of the mixture are {names}. A config adds its keys to '
            f'those of its base; {option}=dict(_delete_=True, ...) leaves '
            'the latter out')


def _shuffled_forever(values: np.ndarray,
                      rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (int(value) for value in rng.permutation(values))


def _runs_forever(values: np.ndarray, groups: np.ndarray, length: int,
                  rng: np.random.Generator) -> Iterator[int]:
    """As above, but in runs of up to ``length`` values of one group."""
    while True:
        order = rng.permutation(len(values))
        order = order[np.argsort(groups[order], kind='stable')]
        bounds = np.flatnonzero(np.diff(groups[order])) + 1
        runs = [
            members[start:start + length]
            for members in np.split(order, bounds)
            for start in range(0, len(members), length)
        ]
        for i in rng.permutation(len(runs)):
            yield from (int(value) for value in values[runs[i]])
