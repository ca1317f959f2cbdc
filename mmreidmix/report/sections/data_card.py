"""The domains: role, size, what was left out, where they come from."""

import re
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np
from PIL import Image

from mmreidmix.apis.checkpoint_config import check_types
from mmreidmix.registry import DATASETS
from mmreidmix.results.checkpoint_selection import domains_of
from mmreidmix.visualization.image_grid import BACKDROP, Sheet

from ..data_uri import image_uri
from ..domain_config import data_set, is_toy
from ..page_blocks import Note, Picture, Pictures, Table
from ..work_dir import Options, WorkDir

_MIXED = re.compile(r'  (.+?) +(labelled|unlabelled) +(\d+) images +(\S+) '
                    r'identities +(\d+) cameras')
_LOADED = re.compile(r'(.+?) (train|query|gallery|all): (.+)')
_COUNTS = re.compile(r'([\d,]+) images, ([\d,]+) identities, ([\d,]+) cameras')
_VIDEOS = re.compile(r'([\d,]+) videos of ')
ROWS, COLUMNS, SIZE = 2, 6, (64, 128)


#: What is logged of each subset of a domain, by (name, subset).
Loaded = dict[tuple[str, str], list[str]]


def data_card(work: WorkDir, options: Options) -> list:
    """What the log of the last training says of its images."""
    messages = [text for log in work.logs[-1:] for _, text in log.messages]
    loaded = _loaded(messages)
    rows = _training(messages, loaded) + _testing(loaded)
    if not rows:
        return [Note(
            'The log does not tell the numbers of images: expected lines such '
            "as 'market1501 train: 12,936 images, ...'." if work.logs else
            'No log of a training: the numbers of images are not known.',
            'missing'), _terms(work)]
    samples = Pictures(_sheets(work), wide=True) if options.with_images else (
        Note('Sample images are left out; --with-images shows some of each '
             'domain.'))
    return [
        Table('Images of the last training, as it logged them',
              ['domain', 'used as', 'images', 'identities', 'cameras',
               'videos'], rows),
        _left_out(messages, loaded), _terms(work), samples]


def _loaded(messages: Sequence[str]) -> Loaded:
    found: Loaded = {}
    for text in messages:
        # lines without a time may follow, which others wrote
        match = _LOADED.fullmatch(text.partition('\n')[0])
        if match:
            texts = found.setdefault((match[1], match[2]), [])
            if match[3] not in texts:
                texts.append(match[3])
    return {key: texts for key, texts in found.items()
            if any(_COUNTS.fullmatch(text) or _VIDEOS.match(text)
                   for text in texts)}


def _training(messages: Sequence[str], loaded: Loaded) -> list:
    text = next((m for m in messages if m.startswith('Training mixture:')), '')
    rows = []
    for match in filter(None, map(_MIXED.fullmatch, text.splitlines())):
        name, role, images, pids, cameras = match.groups()
        texts = [t for part in ('train', 'all')
                 for t in loaded.get((name, part), ())]
        if pids == 'hidden':
            known = [c[2] for c in map(_COUNTS.fullmatch, texts) if c]
            pids = f'{known[0]} (hidden)' if known else pids
        videos = [v[1] for v in map(_VIDEOS.match, texts) if v]
        rows.append([name, f'training, {role}', f'{int(images):,}', pids,
                     cameras, videos[-1] if videos else '-'])
    return rows


def _testing(loaded: Loaded) -> list:
    rows = []
    for (name, subset), texts in loaded.items():
        counts = [c for c in map(_COUNTS.fullmatch, texts) if c]
        if subset in ('query', 'gallery') and counts:
            rows.append([name, subset, *counts[-1].groups(), '-'])
    return rows


def _left_out(messages: Sequence[str], loaded: Loaded) -> Union[Note, Table]:
    """Everything else that was logged of the domains."""
    rows = [[f'{name} {subset}', text]
            for (name, subset), texts in loaded.items() for text in texts
            if not _COUNTS.fullmatch(text)]
    names = {name for name, _ in loaded}
    rows += [text.split(': ', 1) for text in dict.fromkeys(messages)
             if text.split(': ', 1)[0] in names]
    if not rows:
        return Note('Nothing was skipped, and no count differs from the '
                    'published ones, as far as they are known.')
    return Table('Left out, skipped or other than published, as logged',
                 ['domain', 'message'], rows)


def _terms(work: WorkDir) -> Union[Note, Table]:
    DATASETS.import_from_location()
    terms = {}
    for domain, _ in _domains(work):
        inner = data_set(domain)
        name = str(domain.get('name') or inner.get('name')
                   or inner.get('type'))
        if is_toy(domain):
            terms[name] = ('toy: drawn by a program, in the layout of '
                           f'{inner.get("type")}; shows no people')
            continue
        # not DATASETS.get: that would import what a foreign config names
        kind = DATASETS.module_dict.get(inner.get('type'))
        terms[name] = getattr(kind, 'obtain', '') or (
            'not known; see whoever gave the images')
    if not terms:
        return Note('The config names no domain.', 'missing')
    return Table('Where the images come from, and their terms',
                 ['domain', 'source and terms'], list(terms.items()))


def _domains(work: WorkDir) -> list[tuple[Mapping, str]]:
    """Each domain once with a subset of it, training first."""
    domains: dict[tuple, tuple[Mapping, str]] = {}
    for loader, subset in (('train_dataloader', 'train'),
                           ('val_dataloader', 'query')):
        for domain in domains_of(work.config, loader):
            key = tuple(map(data_set(domain).get, ('type', 'data_root')))
            domains.setdefault(key, (domain, subset))
    return list(domains.values())


def _sheets(work: WorkDir) -> list[Picture]:
    pictures = []
    for domain, subset in _domains(work):
        config = {'subset': subset, **domain}
        config.pop('role', None)
        check_types(config, DATASETS, f'the config of {work.path}')
        dataset = DATASETS.build(config)
        index = np.unique(np.linspace(
            0, len(dataset) - 1, ROWS * COLUMNS).astype(int))
        sheet = Sheet(ROWS, COLUMNS, SIZE, dataset.name, lines=0)
        for place, i in enumerate(index):
            sheet.paste(*divmod(place, COLUMNS), dataset.image_path(i),
                        BACKDROP)
        text = f'{len(index)} of {len(dataset):,} images of {dataset.name}'
        pictures.append(Picture(
            image_uri(Image.fromarray(sheet.pixels), photo=True),
            f'Sheet of {text}', text))
    return pictures
