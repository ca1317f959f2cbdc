"""Table of results: mean and spread over seeds, intervals over queries.

    python tools/analysis_tools/make_table.py work_dirs/*/results.json
    python tools/analysis_tools/make_table.py *.json --format latex \
        --rows r50_source_only='source only' r50_domainmix=DomainMix

One row per method (the name of its config), one column per domain and
metric, in percent: mean, then +- the standard deviation over training seeds
(with two or more), then the 95 % interval of a bootstrap over queries (where
the values per query lie beside the result file). Results that were not
obtained under the same protocol are refused.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmreidmix.evaluation.result_file import read_queries, read_result
from mmreidmix.evaluation.split_sets import group_splits

# Options of a metric that change which values are shown, not the values.
SHOWN = ('ranks', 'fprs')
PER_QUERY = {'mAP': 'ap', 'mINP': 'inp'}


def conditions(result: Mapping) -> dict:
    """What must be alike in one table, by the name of the field."""
    domains = {d['name']: d for d in result['domains']}
    fields = {
        'protocol': result['protocol'],
        'domains': sorted(domains),
        'checkpoint_rule': result['checkpoint_rule'],
    }
    for key in ('boxes', 'split', 'sha256', 'seen_in_training'):
        fields[key] = {name: d[key] for name, d in sorted(domains.items())}
    for options in result['evaluators']:
        prefix = f'{options.get("prefix") or options["type"]}.'
        fields.update({
            prefix + key: value
            for key, value in options.items() if key not in SHOWN
        })
    return fields


def unlike_fields(results: Mapping) -> dict:
    """Fields in which results differ.

    Args:
        results (Mapping[Path, dict]): by file.

    Returns:
        dict[str, str]: by field, which value the files have.
    """
    everyone = {file: conditions(result) for file, result in results.items()}
    names = dict.fromkeys(k for fields in everyone.values() for k in fields)
    unlike = {}
    for name in names:
        values = {}
        for file, fields in everyone.items():
            text = json.dumps(fields.get(name), sort_keys=True)
            values.setdefault(text, []).append(str(file))
        if len(values) > 1:
            unlike[name] = '; '.join(
                f'{text} in {", ".join(files)}'
                for text, files in values.items())
    return unlike


def group(results: Mapping) -> dict:
    """Put the seeds of one method together.

    Args:
        results (Mapping[Path, dict]): by file.

    Returns:
        dict[str, dict[Path, dict]]: by method, in the order of the files.

    Raises:
        ValueError: one method has several configs, or one seed twice.
    """
    groups = {}
    for file, result in results.items():
        rows = groups.setdefault(result['method'], {})
        for other, known in rows.items():
            for key, what in (('config_sha256', 'different configs'),
                              ('training_seed', 'the same training seed')):
                if (known[key] == result[key]) == (key == 'training_seed'):
                    raise ValueError(
                        f'method {result["method"]}: {other} and {file} have '
                        f'{what} ({key} {result[key]}); a row is one config '
                        'with one result per seed')
        rows[file] = result
    return groups


def interval(rankings: list, metric: str, resamples: int, seed: int = 0):
    """95 % interval of the mean over seeds, by a bootstrap over queries.

    The same queries are drawn for all seeds; queries without a match are
    left out, as they are in the score.

    Args:
        rankings (list[RankingResult]): of one domain, one per seed.
        metric (str): 'mAP', 'mINP' or 'rank-k'.
        resamples (int): number of draws.
        seed (int): of the draws.

    Returns:
        tuple[float, float] or None: as fractions; None if the metric is not
        a mean over queries or the seeds have different queries.
    """
    values = [_per_query(ranking, metric) for ranking in rankings]
    if values[0] is None or len({len(v) for v in values}) > 1:
        return None
    mean = np.mean(values, axis=0)
    mean = mean[~np.isnan(mean)]
    rng = np.random.default_rng(seed)
    draws = [
        mean[rng.integers(0, len(mean), len(mean))].mean()
        for _ in range(resamples)
    ]
    return tuple(np.quantile(draws, [0.025, 0.975]).tolist())


def _per_query(ranking, metric: str):
    if metric in PER_QUERY:
        return getattr(ranking, PER_QUERY[metric]).astype(float)
    name, _, k = metric.partition('-')
    if name != 'rank' or not k.isdecimal():
        return None
    first = ranking.first_match_rank
    return np.where(first < 0, np.nan, first < int(k))


def cell(rows: Mapping, domain: str, metric: str, resamples: int) -> tuple:
    """Mean, standard deviation and interval of one method.

    Args:
        rows (Mapping[Path, dict]): results of the method, by file.
        domain (str): name of the domain.
        metric (str): name of the score.
        resamples (int): draws of the bootstrap, 0 for none.

    Returns:
        tuple: mean, standard deviation (None with one seed) and interval
        (None where it cannot be had); mean None without such a score.
    """
    key = f'{domain}/{metric}'
    scores = [r['results'].get(key) for r in rows.values()]
    if None in scores:
        return None, None, None
    spread = np.std(scores, ddof=1) if len(scores) > 1 else None
    rankings = [(read_queries(file) or {}).get(domain) for file in rows]
    bounds = None
    if resamples and None not in rankings:
        bounds = interval(rankings, metric, resamples)
    return np.mean(scores), spread, bounds


def text_of(mean, spread, bounds, form: str) -> str:
    """One cell, in percent."""
    if mean is None:
        return '-'
    text = f'{100 * mean:.1f}'
    if spread is not None:
        sign = r' $\pm$ ' if form == 'latex' else ' ± '
        text += f'{sign}{100 * spread:.1f}'
    if bounds is not None:
        text += f' [{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]'
    return text


def lay_out(lines: list, form: str) -> str:
    """Markdown or LaTeX of a header and rows of cells."""
    if form == 'latex':
        lines = [[cell.replace('_', r'\_').replace('%', r'\%')
                  for cell in line] for line in lines]
        body = [' & '.join(line) + r' \\' for line in lines]
        columns = 'l' + 'r' * (len(lines[0]) - 1)
        return '\n'.join([
            rf'\begin{{tabular}}{{{columns}}}', r'\hline', body[0], r'\hline',
            *body[1:], r'\hline', r'\end{tabular}'
        ])
    rule = ['---'] + ['---:'] * (len(lines[0]) - 1)
    return '\n'.join(
        f'| {" | ".join(line)} |' for line in [lines[0], rule, *lines[1:]])


def domains_of(keys, wanted=None) -> list:
    """Domains to show: those wanted, else all but single splits of a set."""
    found = list(dict.fromkeys(key.rpartition('/')[0] for key in keys))
    if wanted:
        absent = [name for name in wanted if name not in found]
        if absent:
            raise ValueError(f'--domains: no result has {absent}; there are '
                             f'{found}')
        return wanted
    sets = [name for name in found if f'{name}/splits' in keys]
    splits = group_splits(found, sets).values()
    return [name for name in found if not any(name in s for s in splits)]


def make_table(results: Mapping, metrics: list, form: str = 'markdown',
               labels=None, resamples: int = 2000, domains=None) -> str:
    """Build the table of results that are known to be alike.

    Args:
        results (Mapping[Path, dict]): result files, by path.
        metrics (list[str]): scores to show.
        form (str): 'markdown' or 'latex'.
        labels (Mapping[str, str], optional): the methods to show, in this
            order, and what to call them. Default: all.
        resamples (int): draws of the bootstrap over queries.
        domains (list[str], optional): the domains to show. Default: all, of
            a set of which there are several splits the mean over them.

    Raises:
        ValueError: no result of a method in ``labels`` or of a domain, none
            of the metrics is there, or what :func:`group` raises.
    """
    groups = group(results)
    labels = labels or {name: name for name in groups}
    absent = [name for name in labels if name not in groups]
    if absent:
        raise ValueError(f'--rows: no result of {absent}; there are '
                         f'{list(groups)}')
    keys = dict.fromkeys(
        key for rows in groups.values() for result in rows.values()
        for key in result['results'])
    columns = [(domain, metric)
               for domain in domains_of(keys, domains)
               for metric in metrics if f'{domain}/{metric}' in keys]
    if not columns:
        raise ValueError(f'no result has any of {metrics}; there are '
                         f'{sorted({k.rpartition("/")[2] for k in keys})}')
    lines = [['method', 'seeds', *(f'{d} {m}' for d, m in columns)]]
    for name, label in labels.items():
        lines.append([label, str(len(groups[name]))] + [
            text_of(*cell(groups[name], *column, resamples), form)
            for column in columns
        ])
    return lay_out(lines, form)


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('files', nargs='+', type=Path, help='result files')
    parser.add_argument(
        '--format', choices=['markdown', 'latex'], default='markdown')
    parser.add_argument(
        '--metrics', nargs='+', default=['mAP', 'rank-1'],
        help='scores to show (default: mAP rank-1)')
    parser.add_argument(
        '--domains', nargs='+',
        help='domains to show (default: all; of several splits of a set the '
        'mean)')
    parser.add_argument(
        '--rows', nargs='+', metavar='METHOD[=LABEL]',
        help='methods to show, in this order, and what to call them')
    parser.add_argument(
        '--resamples', type=int, default=2000,
        help='draws of the bootstrap over queries, 0 for none')
    parser.add_argument(
        '--allow-unlike', nargs='*', metavar='FIELD',
        help='put results into one table that differ in these fields, or in '
        'any if none is named; the table says so')
    return parser.parse_args(arguments)


def main(arguments=None):
    """Run the tool."""
    args = parse_args(arguments)
    labels = {}
    for row in args.rows or ():
        name, equals, label = row.partition('=')
        labels[name] = label if equals else name
    try:
        results = {file: read_result(file) for file in args.files}
        if labels:
            results = {f: r for f, r in results.items()
                       if r['method'] in labels}
        unlike = unlike_fields(results)
        allowed = args.allow_unlike
        refused = unlike if allowed is None else {
            k: v for k, v in unlike.items() if allowed and k not in allowed}
        if refused:
            raise ValueError('\n'.join(
                ['results of unlike protocols in one table (--allow-unlike '
                 f'{" ".join(refused)} permits it):'] +
                [f'{name}: {text}' for name, text in refused.items()]))
        print(make_table(results, args.metrics, args.format, labels,
                         args.resamples, args.domains))
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
    mark = '% ' if args.format == 'latex' else ''
    for name, text in unlike.items():
        print(f'\n{mark}Not alike: {name}: {text}')


if __name__ == '__main__':
    main()
