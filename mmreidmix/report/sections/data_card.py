"""The domains: role, size, what was left out, where they come from."""

import re

import numpy as np
from PIL import Image

from mmreidmix.apis.checkpoint_config import check_types
from mmreidmix.registry import DATASETS
from mmreidmix.report.page_blocks import Note, Picture, Pictures, Table
from mmreidmix.results.checkpoint_rule import domains_of
from mmreidmix.visualization.image_grid import BACKDROP, Sheet

from ..data_uri import image_uri
from ..toy import is_toy

_MIXED = re.compile(r'  (.+?) +(labelled|unlabelled) +(\d+) images +(\S+) '
                    r'identities +(\d+) cameras')
_LOADED = re.compile(r'(.+?) (train|query|gallery|all): (.+)')
_COUNTS = re.compile(r'([\d,]+) images, ([\d,]+) identities, ([\d,]+) cameras')
_VIDEOS = re.compile(r'([\d,]+) videos of ')
ROWS, COLUMNS, SIZE = 2, 6, (64, 128)


def data_card(work, options) -> list:
    """What the log of the last training says of its images."""
    if not work.logs:
        return [Note('No log of a training: the numbers of images are not '
                     'known.', 'missing'), *_terms(work)]
    messages = [text for _, text in work.logs[-1].messages]
    loaded = _loaded(messages)
    rows = _training(messages, loaded) + _testing(loaded)
    if not rows:
        return [Note('The log does not tell the numbers of images: expected '
                     "lines such as 'market1501 train: 12,936 images, ...'.",
                     'missing'), *_terms(work)]
    blocks = [Table(
        'Images of the last training, as it logged them',
        ['domain', 'used as', 'images', 'identities', 'cameras', 'videos'],
        rows), *_left_out(messages, loaded), *_terms(work)]
    if options.with_images:
        blocks.append(Pictures(_sheets(work), wide=True))
    else:
        blocks.append(Note('Sample images are left out; --with-images shows '
                           'some of each domain.'))
    return blocks


def _loaded(messages) -> dict:
    """What is logged of each subset: (name, subset) -> texts."""
    found = {}
    for text in messages:
        # lines without a time may follow, which others wrote
        match = _LOADED.fullmatch(text.partition('\n')[0])
        if match:
            texts = found.setdefault((match[1], match[2]), [])
            if match[3] not in texts:
                texts.append(match[3])
    return {key: texts for key, texts in found.items()
            if any(_COUNTS.fullmatch(text) for text in texts)
            or any(_VIDEOS.match(text) for text in texts)}


def _training(messages, loaded) -> list:
    text = next((m for m in messages if m.startswith('Training mixture:')), '')
    rows = []
    for line in text.splitlines():
        match = _MIXED.fullmatch(line)
        if not match:
            continue
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


def _testing(loaded) -> list:
    rows = []
    for (name, subset), texts in loaded.items():
        counts = [c for c in map(_COUNTS.fullmatch, texts) if c]
        if subset in ('query', 'gallery') and counts:
            rows.append([name, subset, *counts[-1].groups(), '-'])
    return rows


def _left_out(messages, loaded) -> list:
    """Everything else that was logged of the domains."""
    rows = [[f'{name} {subset}', text]
            for (name, subset), texts in loaded.items() for text in texts
            if not _COUNTS.fullmatch(text)]
    names = {name for name, _ in loaded}
    rows += [list(text.split(': ', 1)) for text in dict.fromkeys(messages)
             if text.split(': ', 1)[0] in names]
    if not rows:
        return [Note('Nothing was skipped, and no count differs from the '
                     'published ones, as far as they are known.')]
    return [Table('Left out, skipped or other than published, as logged',
                  ['domain', 'message'], rows)]


def _terms(work) -> list:
    DATASETS.import_from_location()
    rows = {}
    for domain, _ in _domains(work):
        inner = domain.get('dataset', domain)
        # not DATASETS.get: that would import what a foreign config names
        kind = DATASETS.module_dict.get(inner.get('type'))
        name = str(domain.get('name') or inner.get('name')
                   or inner.get('type'))
        text = getattr(kind, 'obtain', '')
        if is_toy(domain):
            text = ('toy: drawn by a program, in the layout of '
                    f'{inner.get("type")}; shows no people')
        rows[name] = [name, text or 'not known; see whoever gave the images']
    if not rows:
        return [Note('The config names no domain.', 'missing')]
    return [Table('Where the images come from, and their terms',
                  ['domain', 'source and terms'], list(rows.values()))]


def _domains(work) -> list:
    """Each domain once with a subset of it, training first."""
    domains = {}
    for loader, subset in (('train_dataloader', 'train'),
                           ('val_dataloader', 'query')):
        for domain in domains_of(work.config, loader):
            inner = domain.get('dataset', domain)
            key = inner.get('type'), inner.get('data_root')
            domains.setdefault(key, (domain, subset))
    return list(domains.values())


def _sheets(work) -> list:
    pictures = []
    for domain, subset in _domains(work):
        domain = {'subset': subset, **domain}
        domain.pop('role', None)
        check_types(domain, DATASETS, f'the config of {work.path}')
        dataset = DATASETS.build(domain)
        index = np.linspace(0, len(dataset) - 1, ROWS * COLUMNS).astype(int)
        index = np.unique(index)
        sheet = Sheet(ROWS, COLUMNS, SIZE, dataset.name, lines=0)
        for place, i in enumerate(index):
            sheet.paste(*divmod(place, COLUMNS), dataset.image_path(i),
                        BACKDROP)
        text = f'{len(index)} of {len(dataset):,} images of {dataset.name}'
        pictures.append(Picture(
            image_uri(Image.fromarray(sheet.pixels), photo=True),
            f'Sheet of {text}', text))
    return pictures
