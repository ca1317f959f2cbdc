"""Scores of tests with their protocol, and of the validations."""

from collections.abc import Mapping

from mmreidmix.report.page_blocks import Facts, Note, Table
from mmreidmix.report.score_tables import (
    alike,
    metric_names,
    percent,
    score_text,
    shown_domains,
    validations,
)

MANY = 12


def results(work, options) -> list:
    """One table per kind of result, then the validations."""
    blocks = []
    for group in alike(work.results):
        blocks += _tested(group)
    if not blocks:
        blocks.append(Note(
            'No result file of tools/test.py was found here or given by '
            '--results, so there are no intervals; these are the scores of '
            'the validations while it was trained.', 'missing'))
    return blocks + _validated(work)


def _tested(group: Mapping) -> list:
    all_results = list(group.values())
    result = all_results[0]
    keys = dict.fromkeys(k for r in all_results for k in r['results'])
    metrics = metric_names(keys)
    table = Table(
        f'Test of {result["method"]}, in percent',
        ['tested domain', *metrics],
        [[domain, *(score_text(group, domain, m) for m in metrics)]
         for domain in shown_domains(keys)])
    seeds = [str(r['training_seed']) for r in all_results]
    return [table, Facts([
        ('Protocol', result['protocol']),
        ('Checkpoint rule', result['checkpoint_rule']),
        ('Training seeds', ', '.join(seeds)),
        *((f'Domain {d["name"]}', _domain_text(d)) for d in result['domains']),
        ('Scoring', '; '.join(map(_scoring, result['evaluators']))),
        ('Files', ', '.join(str(file) for file in group)),
    ])]


def _domain_text(domain: Mapping) -> str:
    sides = ', '.join(
        f'{side} {domain[side].get("images", "?"):,} images of '
        f'{domain[side].get("identities", "?"):,} identities'
        for side in ('query', 'gallery') if domain[side])
    counts = {True: 'counts as published', False: 'not the published counts'}
    parts = [
        sides, f'boxes {domain["boxes"]}', f'split {domain["split"]}',
        f'seen in training: {domain["seen_in_training"]}',
        counts.get(domain.get('counts_ok'))
    ]
    return '; '.join(part for part in parts if part)


def _scoring(options: Mapping) -> str:
    rest = ', '.join(f'{key} {value}' for key, value in options.items()
                     if key != 'type' and value is not None)
    return f'{options.get("type", "")} ({rest})'


def _validated(work) -> list:
    try:
        found = validations(work.scalars)
    except (OSError, ValueError) as error:
        return [Note(f'No validation can be shown: {error}', 'missing')]
    if not found:
        return [Note('No validation was logged.', 'missing')]
    names = list(dict.fromkeys(name for v in found for name in v.scores))
    return [Table(
        'Validations, in percent', ['epoch', 'tested domain', *names],
        [[str(v.epoch), v.domain,
          *(percent(v.scores.get(name)) for name in names)] for v in found],
        folded=len(found) > MANY)]
