"""Data sets to look at, and what they are used for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.datasets.reid_dataset import NoSuchSubsetError
from mmreidmix.registry import DATASETS
from mmreidmix.results.checkpoint_selection import domains_of

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """One subset of one domain.

    Attributes:
        dataset (BaseReIDDataset): its images.
        role (str): 'labelled' or 'unlabelled' training images, or 'test'.
    """

    dataset: BaseReIDDataset
    role: str

    @property
    def where(self) -> str:
        """Domain and subset."""
        return f'{self.dataset.name} {self.dataset.subset}'

    @property
    def root(self) -> str:
        """Folder of the images; domains that share it share identities."""
        return os.path.realpath(self.dataset.data_root)


def parts_of_mixture(mixture: Any) -> list[Part]:
    """Parts of the data set of a training."""
    if isinstance(mixture, BaseReIDDataset):
        return [Part(mixture, 'labelled')]
    return list(map(Part, getattr(mixture, 'domains', ()),
                    getattr(mixture, 'roles', ())))


def parts_of_test(dataset: Any) -> list[Part]:
    """Parts of the data set of a validation or test: query, gallery, ..."""
    return [Part(part, 'test') for part in getattr(dataset, 'parts', ())]


def parts_of_config(cfg: Mapping) -> list[Part]:
    """All data sets that a config trains on, validates on and tests on.

    Raises:
        ValueError: it has none, or one of them can not be built.
    """
    parts = []
    for domain in domains_of(cfg, 'train_dataloader'):
        domain = dict(domain)
        role = domain.pop('role', 'labelled')
        parts.append(Part(DATASETS.build(domain), role))
    tested: list[Mapping] = []
    for loader in ('val_dataloader', 'test_dataloader'):
        tested += [domain for domain in domains_of(cfg, loader)
                   if domain not in tested]
    parts += [Part(DATASETS.build(dict(domain, subset=subset)), 'test')
              for domain in tested for subset in ('query', 'gallery')]
    if not parts:
        raise ValueError('the config has no data set in train_dataloader, '
                         'val_dataloader and test_dataloader')
    return parts


def parts_of_domain(domain: Mapping) -> list[Part]:
    """All subsets that a domain has; what is not there is logged.

    Args:
        domain (Mapping): config of a data set without ``subset``.

    Raises:
        FileNotFoundError, ValueError: it has none.
    """
    parts, faults = [], []
    subsets = DATASETS.get(domain['type']).subsets
    for subset in (s for s in subsets if s != 'all'):
        try:
            dataset = DATASETS.build(dict(domain, subset=subset))
        except (FileNotFoundError, ValueError) as error:
            faults.append(error)
            continue
        except TypeError as error:  # an option that the data set needs
            raise ValueError(f'{domain["type"]}: {error}') from error
        parts.append(
            Part(dataset, 'labelled' if subset == 'train' else 'test'))
    if not parts:
        raise faults[0]
    for fault in faults:
        if isinstance(fault, NoSuchSubsetError):
            continue  # as its import wanted it
        logger.info('not there: %s', str(fault).partition('\n')[0])
    return parts


def tested_pairs(
        parts: Sequence[Part]
) -> Iterator[tuple[BaseReIDDataset, BaseReIDDataset]]:
    """Query and gallery of each tested domain."""
    for first, second in zip(parts, parts[1:]):
        query, gallery = first.dataset, second.dataset
        if (query.subset, gallery.subset) == ('query', 'gallery') and (
                query.name == gallery.name):
            yield query, gallery
