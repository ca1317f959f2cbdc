"""By which rule a tested checkpoint was selected."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from mmreidmix.checks import check_choice

SELECTION_RULES = ('last', 'source_val', 'oracle')


def selection_rule(file: str,
                   meta: Mapping,
                   cfg: Mapping,
                   stated: Optional[str] = None) -> str:
    """Rule by which a checkpoint was selected among those of its training.

    A file ``best_*`` is one that MMEngine's CheckpointHook keeps with
    ``save_best``.

    Args:
        file (str): the checkpoint, or 'none' for an untrained model.
        meta (Mapping): ``checkpoint['meta']``; may be empty.
        cfg (Mapping): the config, as plain dictionaries.
        stated (str, optional): the rule the user names, one of
            ``SELECTION_RULES``, for files that do not tell (renamed or
            converted ones).

    Returns:
        str: 'untrained'; 'last', the end of the training; 'source_val', the
        best on a held-out part of the labelled sources; 'oracle', the best on
        any other domain; 'epoch 30 of 60' (or 'iteration ...'), a fixed one
        before the end; or 'unknown'.

    Raises:
        ValueError: ``stated`` is no rule or contradicts the file.
    """
    rule = _rule_of_file(file, meta, cfg)
    if stated is None:
        return rule
    check_choice('checkpoint', SELECTION_RULES, rule=stated)
    if rule not in ('unknown', stated):
        raise ValueError(f'{file} is {rule!r} by its name, its meta data and '
                         f'the config, not {stated!r}')
    return stated


def _rule_of_file(file: str, meta: Mapping, cfg: Mapping) -> str:
    if file == 'none':
        return 'untrained'
    if Path(file).name.startswith('best_'):
        return 'source_val' if _best_on_source(cfg) else 'oracle'
    train = cfg.get('train_cfg') or {}
    for unit, key, limit in (('iteration', 'iter', 'max_iters'),
                             ('epoch', 'epoch', 'max_epochs')):
        if limit in train and key in meta:
            done, total = meta[key], train[limit]
            return 'last' if done >= total else f'{unit} {done} of {total}'
    return 'unknown'


def _best_on_source(cfg: Mapping) -> bool:
    """Whether ``save_best`` looks at nothing but held-out source people."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    key = hook.get('save_best')
    domains = domains_of(cfg, 'val_dataloader')
    key = key[0] if isinstance(key, (list, tuple)) and len(key) == 1 else key
    if isinstance(key, str) and key != 'auto' and not key.startswith('mean/'):
        named = [d for d in domains if key.startswith(f'{d.get("name")}/')]
        domains = named or domains
    return bool(domains) and all(
        _is_held_out(domain, domains_of(cfg, 'train_dataloader'))
        for domain in domains)


def _is_held_out(domain: Mapping, sources: list) -> bool:
    if domain.get('type') not in ('SourceValidationSet', 'HeldOutSource'):
        return False
    part = domain['dataset']
    same = [s for s in sources if same_data(s, part)]
    return any(s.get('role', 'labelled') == 'labelled' for s in same) and (
        not any(_overlap(s.get('pid_range'), part['pid_range'])
                for s in same))


def _overlap(first: Optional[Sequence[int]], second: Sequence[int]) -> bool:
    if first is None:
        return True
    return max(first[0], second[0]) < min(first[1], second[1])


def same_data(first: Mapping, second: Mapping) -> bool:
    """Whether two data set configs read the same folder."""
    roots = [cfg.get('data_root') or cfg.get('path')
             for cfg in (first, second)]
    return first.get('type') == second.get('type') and all(roots) and (
        len(set(map(os.path.realpath, roots))) == 1)


def domains_of(cfg: Mapping, loader: str) -> list:
    """The data sets of one loader of a config."""
    dataset = (cfg.get(loader) or {}).get('dataset') or {}
    return list(dataset.get('domains') or ([dataset] if dataset else []))
