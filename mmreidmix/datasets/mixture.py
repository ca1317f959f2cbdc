"""Several domains as one training set."""

import os
from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any, Union

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmreidmix.checks import check_choice, name_some
from mmreidmix.registry import DATASETS

from .label_table import LabelTable
from .reid_dataset import BaseReIDDataset
from .sample_key import SampleKey, seeded

ROLES = ('labelled', 'unlabelled')


@DATASETS.register_module()
class DomainMixture(Dataset):
    """A training set made of domains with roles.

    Every image has a global index: domain after domain, in the order of each
    domain's records. Labels are in :attr:`label_table` alone; the identity
    numbers of an unlabelled domain never reach a training sample.

    Args:
        domains (Sequence[dict]): configs of :class:`BaseReIDDataset`, each
            with one more key ``role``: 'labelled' or 'unlabelled'.
        pipeline (Sequence[dict]): training transforms, shared by the domains.

    Raises:
        ValueError: no domain, an unknown role, two domains of one name, or
            two that share images.
    """

    def __init__(self, domains: Sequence[dict], pipeline: Sequence[dict] = ()):
        if not domains:
            raise ValueError('DomainMixture: `domains` is empty; give at '
                             'least one data set with its role')
        self.domains: list[BaseReIDDataset] = []
        self.roles: list[str] = []
        for cfg in map(dict, domains):
            role = cfg.pop('role', None)
            check_choice(f'DomainMixture: {cfg.get("type")}', ROLES, role=role)
            self.roles.append(role)
            self.domains.append(DATASETS.build(cfg))
        self.names = [domain.name for domain in self.domains]
        if len(set(self.names)) < len(self.names):
            raise ValueError(f'DomainMixture: domain names {self.names} are '
                             'not unique; set `name` of one of them')
        check_no_shared_images(self.domains)
        self.pipeline = Compose(pipeline)
        sizes = [len(domain) for domain in self.domains]
        self.offsets = np.cumsum([0, *sizes])
        self.camids = np.concatenate([d.records.camids for d in self.domains])
        self.label_table = LabelTable([
            domain.records.pids if role == 'labelled' else None
            for domain, role in zip(self.domains, self.roles)
        ], sizes, [domain.records.fingerprint() for domain in self.domains])
        print_log(self.summary(), logger='current')

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def metainfo(self) -> dict:
        """Names of the domains, in order."""
        return dict(domains=list(self.names))

    def domain_of(self, index: Union[int, np.ndarray]) -> np.ndarray:
        """Domain of each image index."""
        return np.searchsorted(self.offsets, index, side='right') - 1

    def unique_camids(self) -> np.ndarray:
        """Camera of each image, unique over the domains, int64, (N,)."""
        cameras, first = np.empty(len(self), np.int64), 0
        for index, domain in enumerate(self.domains):
            own = domain.records.camids
            cameras[self.label_table.span(index)] = own - own.min() + first
            first += int(own.max() - own.min()) + 1
        return cameras

    def single_camera_identities(self) -> str:
        """How many labelled identities one camera alone sees; '' if none."""
        table, cameras = self.label_table, self.unique_camids()
        labelled = table.labels >= 0
        labelled &= table.labels < table.num_labelled_classes
        pairs = np.unique(
            np.stack([table.labels[labelled], cameras[labelled]]), axis=1)
        num_cameras = np.bincount(pairs[0], minlength=1)
        single = (num_cameras == 1).sum()
        if not single:
            return ''
        return (f'{single:,} of {len(num_cameras):,} labelled identities are '
                'seen by one camera only: CameraCentroidsLoss.fallback says '
                'what becomes of them')

    def get_data_info(self, index: int) -> dict:
        """What the transforms take, without identity if unlabelled."""
        domain = int(self.domain_of(index))
        info = self.domains[domain].get_data_info(
            int(index - self.offsets[domain]))
        info.update(index=int(index), domain=domain)
        if self.roles[domain] == 'unlabelled':
            info['pid'] = -1
        return info

    def __getitem__(self, key: Union[int, SampleKey]) -> Any:
        if not isinstance(key, SampleKey):
            return self.pipeline(self.get_data_info(key))
        with seeded(key.seed):
            return self.pipeline(self.get_data_info(key.index))

    def summary(self) -> str:
        """One line per domain: role, images, identities, cameras."""
        lines = ['Training mixture:']
        for domain, role in zip(self.domains, self.roles):
            pids = domain.num_pids if role == 'labelled' else 'hidden'
            lines.append(f'  {domain.name:24s} {role:10s} {len(domain):8d} '
                         f'images  {pids!s:>6s} identities  '
                         f'{domain.num_cams:3d} cameras')
        lines.append(f'  {self.label_table.num_labelled_classes} labelled '
                     'identities in all')
        return '\n'.join(lines)


def check_no_shared_images(domains: Sequence[BaseReIDDataset]) -> None:
    """Raise ValueError where an image is in two domains.

    Its person would be two identities that are pushed apart, or a cluster
    beside an identity. Copies of a whole set are found as well, copies of
    single images are not.
    """
    for first, second in combinations(domains, 2):
        if first.records.fingerprint() == second.records.fingerprint():
            shared = [first.records.path(0)]
            number = f'the same {len(first):,}'
        else:
            shared = _shared_images(first, second)
            number = f'{len(shared):,}'
        if shared:
            raise ValueError(
                f'DomainMixture: the domains {first.name!r} and '
                f'{second.name!r} have {number} images in common, such as '
                f'{name_some(sorted(shared), 1)}: an image belongs to one '
                'domain, with one role')


def _shared_images(first: BaseReIDDataset,
                   second: BaseReIDDataset) -> Collection[str]:
    """Paths of images that both have; compared where folders overlap."""
    roots = [os.path.realpath(domain.data_root) for domain in (first, second)]
    if os.path.commonpath(roots) not in roots:
        return ()
    paths = [{os.path.join(root, domain.records.path(index))
              for index in range(len(domain))}
             for root, domain in zip(roots, (first, second))]
    return paths[0] & paths[1]
