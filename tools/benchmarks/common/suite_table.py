"""Tables of a suite: scores, minutes and memory beside doing nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from mmreidmix.camera_profiles import TESTED_PROFILES
from mmreidmix.results.result_table import (
    differing_fields,
    format_score,
    method_score,
    shown_domains,
)

from .suite_jobs import Job

METRICS = ('mAP', 'rank-1')
BELOW = '↓'
PROFILES = 'with camera profiles of the tested images, without their labels'


@dataclass(frozen=True)
class Table:
    """Configs that stand together.

    Attributes:
        title (str): may be empty.
        rows (Mapping[str, str]): label by config.
    """

    title: str
    rows: Mapping[str, str]


def reports(table: Table, jobs: Sequence[Job]) -> list[dict]:
    """Reports of a table without and, if its jobs have them, with profiles.

    They use the tested images, so they are never in one table.
    """
    found, titles = report(table, jobs), {False: table.title}
    if any(job.profiles for job in jobs):
        titles[True] = ', '.join(filter(None, [table.title, PROFILES]))
    return [_with_domains(found, title, profiled)
            for profiled, title in titles.items()]


def _with_domains(report: Mapping, title: str, profiled: bool) -> dict:
    rows = [
        dict(row, scores={
            domain: scores for domain, scores in row['scores'].items()
            if domain.endswith(TESTED_PROFILES) == profiled
        }) for row in report['rows']
    ]
    return dict(report, title=title, rows=rows)


def report(table: Table, jobs: Sequence[Job]) -> dict:
    """What is known of a table so far.

    Args:
        table (Table): the table.
        jobs (Sequence[Job]): of its configs and others, finished or not.

    Returns:
        dict: 'title'; 'rows', starts first, each with 'label', 'config',
        'seeds' and 'seeds_wanted', 'scores' (mean, std, values, by domain and
        metric, and 'below_start'), 'minutes', 'peak_mib', 'restarted';
        'not_alike', fields in which the trained rows differ.
    """
    jobs = [job for job in jobs if job.config in table.rows]
    results = {job: found for job in jobs if (found := job.result())}
    starts = {job.config: _row('start', [job], results)
              for job in jobs if job.seed is None}
    trained = []
    for config, label in table.rows.items():
        row = _row(label, [job for job in jobs if job.config == config
                           and job.seed is not None], results)
        _compare(row, starts.get(config))
        trained.append(row)
    alike = differing_fields({job.result_file: found
                              for job, found in results.items()
                              if job.seed is not None})
    return dict(
        title=table.title,
        rows=[*_distinct(starts, table.rows), *trained],
        not_alike=alike)


def _row(label: str, jobs: list, results: Mapping) -> dict:
    done = {job: results[job] for job in jobs if job in results}
    files = {job.result_file: result for job, result in done.items()}
    scores: dict[str, dict] = {}
    keys = dict.fromkeys(key for found in files.values()
                         for key in found['results'])
    for domain in shown_domains(keys):
        for metric in METRICS:
            mean, std, _ = method_score(files, domain, metric, 0)
            if mean is None:
                continue
            values = {str(job.seed): found['results'][f'{domain}/{metric}']
                      for job, found in done.items()}
            scores.setdefault(domain, {})[metric] = dict(
                mean=mean, std=std, values=values)
    attempts = [job.facts().get('attempts', []) for job in done]
    minutes = [sum(a['minutes'] for a in those) for those in attempts if those]
    peaks = [a['peak_mib'] for those in attempts for a in those
             if a['peak_mib'] is not None]
    return dict(
        label=label,
        config=jobs[0].config,
        seeds=len(done),
        seeds_wanted=len(jobs),
        scores=scores,
        minutes=float(np.mean(minutes)) if minutes else None,
        peak_mib=max(peaks) if peaks else None,
        restarted=sum(len(those) > 1 for those in attempts))


def _compare(row: dict, start: Optional[dict]) -> None:
    """Mark the means that lie below those of doing nothing."""
    for domain, metrics in row['scores'].items():
        for metric, score in metrics.items():
            known = start and start['scores'].get(domain, {}).get(metric)
            score['below_start'] = (
                score['mean'] < known['mean'] if known else None)


def _distinct(starts: Mapping[str, dict], labels: Mapping) -> list[dict]:
    """One row for the starts that are the same, named if there are more."""
    groups: list[list] = []
    for config, row in starts.items():
        same = next((g for g in groups
                     if starts[g[0]]['scores'] == row['scores']), None)
        if same:
            same.append(config)
        else:
            groups.append([config])
    if len(groups) == 1:
        return [dict(starts[groups[0][0]], label='start, untouched')]
    return [
        dict(starts[group[0]],
             label=f'start of {", ".join(labels[c] for c in group)}')
        for group in groups
    ]


def markdown(report: Mapping) -> str:
    """Lay a report out."""
    rows = report['rows']
    columns = list(dict.fromkeys(
        (domain, metric) for row in rows
        for domain, metrics in row['scores'].items() for metric in metrics))
    head = ['', 'seeds', *(f'{d} {m}' for d, m in columns), 'minutes',
            'peak MiB']
    lines = [head, ['---'] + ['---:'] * (len(head) - 1)]
    lines += [_cells(row, columns) for row in rows]
    text = [f'## {report["title"]}\n'] if report['title'] else []
    text += [f'| {" | ".join(cells)} |' for cells in lines]
    text.append('\nMean over seeds in percent ± standard deviation. Minutes '
                'of a training, largest memory of its main process.')
    if any(score.get('below_start') for row in rows
           for metrics in row['scores'].values()
           for score in metrics.values()):
        text.append(f'{BELOW}: below the start, which is doing nothing.')
    restarted = sum(row['restarted'] for row in rows)
    if restarted:
        text.append(f'{restarted} trainings were stopped and went on; their '
                    'minutes count what they did twice.')
    text += [f'Not alike: {name}: {values}'
             for name, values in report['not_alike'].items()]
    return '\n'.join(text) + '\n'


def _cells(row: Mapping, columns: Sequence) -> list[str]:
    cells = [row['label'], str(row['seeds'])]
    if row['seeds'] < row['seeds_wanted']:
        cells[1] += f' of {row["seeds_wanted"]}'
    for domain, metric in columns:
        score = row['scores'].get(domain, {}).get(metric)
        text = '-'
        if score:
            text = format_score(score['mean'], score['std'], None)
        mark = f' {BELOW}' if score and score.get('below_start') else ''
        cells.append(text + mark)
    minutes, peak = row['minutes'], row['peak_mib']
    return cells + ['-' if minutes is None else f'{minutes:.1f}',
                    '-' if peak is None else f'{peak:.0f}']
