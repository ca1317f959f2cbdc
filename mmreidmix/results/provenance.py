"""What a result says of data, protocol, method and versions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmreidmix.version import installed_versions

from .checkpoint_selection import domains_of, same_data

# Settings that do not change the trained model, or are recorded apart.
NOT_METHOD = ('default_scope', 'env_cfg', 'launcher', 'load_from',
              'log_level', 'log_processor', 'protocol', 'randomness',
              'resume', 'test_cfg', 'test_dataloader', 'test_evaluator',
              'test_pipeline', 'val_cfg', 'val_dataloader', 'val_evaluator',
              'vis_backends', 'visualizer', 'work_dir')
# The same of hooks.
NOT_METHOD_HOOKS = ('start', 'stop')
# Sets made of recordings of the same people.
SAME_PEOPLE = ({'Market1501', 'MARS'}, {'CUHK01', 'CUHK02'},
               {'DukeMTMCReID', 'OccludedDuke'})
# Options that change which images a training set has.
PARTS = ('subset', 'train_list', 'version', 'boxes', 'pid_range', 'split')


def describe_domains(dataset: Any, cfg: Mapping, part: str = 'test',
                     training: Optional[Mapping] = None) -> list[dict]:
    """What the tested domains are, for a result file.

    Args:
        dataset (RetrievalDataset): query and gallery of each domain.
        cfg (Mapping): the config, as plain dictionaries.
        part (str): 'test', or 'val' for those of the validation.
        training (Mapping, optional): config of the training, where it is
            another one.

    Returns:
        list[dict]: per domain the options of its data set and 'name'; 'boxes'
        ('as published' where a set has one kind); 'split'; 'counts_ok';
        'seen_in_training' ('no', or the role in which images of this data set
        are trained on, or of its people); counts of 'query' and 'gallery';
        'shared_files', gallery images that are queries too; and 'sha256' over
        side, relative path, size in bytes, identity and camera of all images.
    """
    sources = domains_of(training or cfg, 'train_dataloader')
    described = []
    for options, query, gallery, shared in zip(
            domains_of(cfg, f'{part}_dataloader'), dataset.parts[::2],
            dataset.parts[1::2], dataset.shared_files):
        own = options.get('dataset', options)
        roles = {
            source.get('role', 'labelled')
            for source in sources if _same_people(source, own, query.name)
        }
        described.append({
            **options,
            'name': query.name,
            'boxes': str(getattr(query, 'boxes', 'as published')),
            'split': _split(query, options),
            'counts_ok': bool(query.counts_ok and gallery.counts_ok),
            'seen_in_training': ' and '.join(sorted(roles)) or 'no',
            'query': _counts(query, query),
            'gallery': _counts(gallery, query),
            'shared_files': shared,
            'sha256': content_hash((query, gallery)),
        })
    return described


def _same_people(source: Mapping, tested: Mapping, name: str) -> bool:
    """Whether a training set shows people of a tested one called ``name``."""
    if same_data(source, tested) or source.get('name') == name:
        return True
    if source.get('name') or tested.get('name'):
        return False  # not the standard data
    types = {source.get('type'), tested.get('type')}
    return len(types) == 1 or types in SAME_PEOPLE


def _split(part: Any, options: Mapping) -> str:
    split = getattr(part, 'split', 'official')
    text = f'split {split}' if isinstance(split, int) else str(split)
    pids = options.get('dataset', options).get('pid_range')
    return f'{text}, identities {pids[0]} to {pids[1]}' if pids else text


def _counts(part: Any, query: Any) -> dict:
    pids, camids = part.records.pids, part.records.camids
    shared = np.isin(pids, query.records.pids)
    return {
        'images': len(part),
        'identities': len(np.unique(pids[pids >= 0])),
        'images_per_camera': np.bincount(
            camids, minlength=part.num_cams).tolist(),
        'images_of_people_without_query': int((~shared).sum()),
        'junk': int((pids < 0).sum()),
    }


def content_hash(parts: Sequence) -> str:
    """SHA-256 over what a test reads, except for the pixels.

    The official top folder of a set is left out of the paths, so that it may
    be part of the data root or not.

    Args:
        parts (Sequence[BaseReIDDataset]): data sets, in a fixed order.

    Returns:
        str: the hash of the sorted lines 'subset, path below the data root,
        size in bytes, pid, camid'; a different folder or order of files does
        not change it.
    """
    lines = []
    for part in parts:
        for i, (pid, camid) in enumerate(
                zip(part.records.pids.tolist(), part.records.camids.tolist())):
            size = part.num_bytes(i)
            lines.append(f'{part.subset}\t{_path(part, i)}\t{size}\t{pid}\t'
                         f'{camid}\n')
    text = ''.join(sorted(lines)).encode('utf-8', 'surrogateescape')
    return hashlib.sha256(text).hexdigest()


def _path(part: Any, index: int) -> str:
    path = part.records.path(index)
    tops = part.top_folders() if hasattr(part, 'top_folders') else ()
    for top in tops:
        if top and path.startswith(f'{top}/'):
            return path[len(top) + 1:]
    return path


def protocol_text(cfg: Mapping, names: Sequence,
                  training: Optional[Mapping] = None) -> str:
    """The protocol: the config's own ``protocol``, or sources -> targets.

    Args:
        cfg (Mapping): the config of the test, as plain dictionaries.
        names (Sequence[str]): of the tested domains.
        training (Mapping, optional): config of the training. Where it has
            other sources, the protocol of ``cfg`` is not that of the result.
    """
    training = training or cfg
    same, own = (_without_folders(describe_sources(c))
                 for c in (cfg, training))
    if cfg.get('protocol') and same == own:
        return str(cfg['protocol'])
    sources = [_text_of(s) for s in domains_of(training, 'train_dataloader')]
    return f'{" + ".join(sources) or "nothing"} -> {", ".join(names)}'


def _text_of(source: Mapping) -> str:
    parts = [f'{key} {source[key]}' for key in PARTS if key in source]
    parts.insert(0, source.get('role', 'labelled'))
    return f'{source.get("name") or source.get("type")} ({", ".join(parts)})'


def describe_sources(cfg: Mapping) -> list:
    """Options of the training data sets, as the config names them."""
    return [{k: v for k, v in source.items() if k != 'pipeline'}
            for source in domains_of(cfg, 'train_dataloader')]


def checkpoint_hash(file: str) -> Optional[str]:
    """SHA-256 of a checkpoint file; None for 'none', the start."""
    return None if file == 'none' else file_hash(file)


def method_hash(cfg: Mapping) -> str:
    """SHA-256 of what makes the trained model.

    Leaves out seeds, folders, how batches are put together, how it is tested
    and helper variables (whose names begin with an underscore), so that runs
    which differ in their seed alone have one hash.
    """
    method = {k: v for k, v in cfg.items() if k not in NOT_METHOD}
    if 'default_hooks' in method:
        method['default_hooks'] = {
            k: v for k, v in method['default_hooks'].items()
            if k not in NOT_METHOD_HOOKS}
    text = json.dumps(_without_folders(method), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_folders(v) for k, v in value.items()
                if k not in ('data_root', 'path', 'collate_fn', 'timeout')
                and not str(k).startswith('_')}
    if isinstance(value, (list, tuple)):
        return [_without_folders(v) for v in value]
    return value


def versions(**more: Any) -> dict:
    """Versions of Python and of the packages that scores may depend on."""
    return {**installed_versions(), **more}


def file_hash(file: Union[str, Path]) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(file, 'rb') as stream:
        for part in iter(lambda: stream.read(1 << 20), b''):
            digest.update(part)
    return digest.hexdigest()
