"""Scores of tests with their protocol, and of the validations."""

from collections.abc import Mapping
from typing import Union

from mmreidmix.results.result_table import precision_of, remarks
from mmreidmix.results.start_row import starts_of

from ..page_blocks import NamedValues, Note, Table
from ..score_tables import (
    group_seeds,
    metric_names,
    score_cells,
    score_keys,
    validations,
)
from ..work_dir import Options, WorkDir

#: a table with more rows opens on a click only
MANY = 12


def results(work: WorkDir, options: Options) -> list:
    """One table per kind of result, then the validations."""
    blocks = [block for group in group_seeds(work.results)
              for block in _tested(group, starts_of(group, work.starts))]
    if not blocks:
        blocks.append(Note(
            'No result file of tools/test.py was found here or given by '
            '--results, so there are no intervals; these are the scores of '
            'the validations while it was trained.', 'missing'))
    return [*blocks, _validated(work)]


def _tested(group: Mapping, starts: Mapping) -> list:
    result = next(iter(group.values()))
    metrics = metric_names(score_keys(group))
    table = Table(
        f'Test of {result["method"]}, in percent',
        ['tested domain', 'weights', *metrics], [
            [domain, text, *cells]
            for text, rows in (('start', score_cells(starts, metrics)),
                               ('trained',
                                score_cells(group, metrics, starts)))
            for domain, cells in rows.items()
        ])
    seeds = [str(r['training_seed']) for r in group.values()]
    notes = [Note(line) for line in remarks(group.values())]
    return [table, *notes, NamedValues([
        ('Protocol', result['protocol']),
        ('Checkpoint rule', result['checkpoint_rule']),
        ('Number format', precision_of(result)),
        ('Training seeds', ', '.join(seeds)),
        *((f'Domain {d["name"]}', _domain_text(d)) for d in result['domains']),
        ('Scoring', '; '.join(map(_scoring, result['evaluators']))),
        ('Files', ', '.join(str(file) for file in group)),
    ])]


def _domain_text(domain: Mapping) -> str:
    sizes = ', '.join(
        f'{subset} {domain[subset].get("images", "?"):,} images of '
        f'{domain[subset].get("identities", "?"):,} identities'
        for subset in ('query', 'gallery') if domain[subset])
    counts = {True: 'counts as published', False: 'not the published counts'}
    parts = [
        sizes, f'boxes {domain["boxes"]}', f'split {domain["split"]}',
        f'seen in training: {domain["seen_in_training"]}',
        counts.get(domain.get('counts_ok'))
    ]
    return '; '.join(part for part in parts if part)


def _scoring(options: Mapping) -> str:
    rest = ', '.join(f'{key} {value}' for key, value in options.items()
                     if key != 'type' and value is not None)
    return f'{options.get("type", "")} ({rest})'


def _validated(work: WorkDir) -> Union[Note, Table]:
    try:
        found = validations(work.scalars)
    except (OSError, ValueError) as error:
        return Note(f'No validation can be shown: {error}', 'missing')
    if not found:
        return Note('No validation was logged.', 'missing')
    names = list(dict.fromkeys(name for v in found for name in v.scores))
    return Table(
        'Validations, in percent', ['epoch', 'tested domain', *names],
        [[str(v.epoch or '0: the start'), v.domain,
          *v.cells(names, work.own_start)] for v in found],
        folded=len(found) > MANY)
