"""Table of results: mean and spread over seeds, intervals over queries.

    python tools/analysis_tools/make_table.py work_dirs/*/results.json
    python tools/analysis_tools/make_table.py *.json --format latex \
        --rows r50_source_only='source only' r50_domainmix=DomainMix

One row per method (the name of its config), one column per domain and
metric, in percent: mean, then +- the standard deviation over training seeds
(with two or more), then the 95 % interval of a bootstrap over queries (where
the values per query lie beside the result file). Results that were not
obtained under the same protocol are refused.

The first row is that of doing nothing: a result of ``tools/test.py CONFIG
none``, or what the results know of the start of their trainings. Scores below
it are marked, where protocol, domains and weights of the start are the same.
"""

import argparse
import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path

from mmreidmix.command_line import run_main
from mmreidmix.results.result_file import read_result
from mmreidmix.results.result_table import (
    differing_fields,
    format_score,
    group_by_method,
    method_score,
    remarks,
    shown_domains,
)
from mmreidmix.results.start_row import (
    HOW_TO,
    MARK,
    RANDOM,
    comparable,
    group_starts,
    mark_lower,
    split_starts,
    start_label,
    starts_of,
)

# Characters that LaTeX does not print as they are.
LATEX = str.maketrans({
    **{sign: '\\' + sign for sign in '&%$#_{}'},
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '±': r'$\pm$',
    MARK: r'$\downarrow$',
})


def lay_out(lines: list, form: str) -> str:
    """Markdown, CSV or LaTeX of a header and rows of cells."""
    if form == 'csv':
        stream = io.StringIO()
        csv.writer(stream, lineterminator='\n').writerows(lines)
        return stream.getvalue().rstrip('\n')
    if form == 'latex':
        body = [' & '.join(cell.translate(LATEX) for cell in line) + r' \\'
                for line in lines]
        columns = 'l' + 'r' * (len(lines[0]) - 1)
        return '\n'.join([
            rf'\begin{{tabular}}{{{columns}}}', r'\hline', body[0], r'\hline',
            *body[1:], r'\hline', r'\end{tabular}'
        ])
    rule = ['---'] + ['---:'] * (len(lines[0]) - 1)
    return '\n'.join(
        f'| {" | ".join(line)} |' for line in [lines[0], rule, *lines[1:]])


def make_table(results: Mapping, metrics: list, form: str = 'markdown',
               labels=None, resamples: int = 2000, domains=None) -> str:
    """Build the table, with the row of doing nothing first.

    Args:
        results (Mapping[Path, dict]): result files, by path; those of
            trainings have to be alike.
        metrics (list[str]): scores to show.
        form (str): 'markdown', 'csv' or 'latex'.
        labels (Mapping[str, str], optional): the methods to show, in this
            order, and what to call them. Default: all.
        resamples (int): draws of the bootstrap over queries.
        domains (list[str], optional): the domains to show. Default: all, of
            a set of which there are several splits the mean over them.

    Raises:
        ValueError: no result of a method in ``labels`` or of a domain, none
            of the metrics is there, or what :func:`group_by_method` raises.
    """
    trained, starts = split_starts(results)
    groups = group_by_method(trained)
    labels = labels or {name: name for name in groups}
    absent = [name for name in labels if name not in groups]
    if absent:
        raise ValueError(f'--rows: no result of {absent}; there are '
                         f'{list(groups)}')
    keys = dict.fromkeys(
        key for result in (trained or starts).values()
        for key in result['results'])
    columns = [(domain, metric)
               for domain in shown_domains(keys, domains)
               for metric in metrics if f'{domain}/{metric}' in keys]
    if not columns:
        raise ValueError(f'no result has any of {metrics}; there are '
                         f'{sorted({k.rpartition("/")[2] for k in keys})}')
    lines = [['method', 'seeds', *(f'{d} {m}' for d, m in columns)]]
    own = {name: starts_of(groups[name], starts) for name in labels}
    for group in list(own.values()) if trained else group_starts(starts):
        line = start_line(group, columns, resamples)
        if line not in lines:
            lines.append(line)
    for name, label in labels.items():
        lines.append([label, str(len(groups[name]))] + [
            row_cell(groups[name], own[name], *column, resamples)
            for column in columns
        ])
    return lay_out([line for line in lines if line], form)


def start_line(group: Mapping, columns: list, resamples: int) -> list:
    """Cells of a row of doing nothing; none without a result."""
    if not group:
        return []
    first = next(iter(group.values()))
    seeds = str(len(group)) if first['start']['weights'] == RANDOM else '-'
    return [start_label(first), seeds] + [
        format_score(*method_score(group, *column, resamples))
        for column in columns
    ]


def row_cell(group: Mapping, starts: Mapping, domain: str, metric: str,
             resamples: int) -> str:
    """A score of one method, marked if it is below the start."""
    mean, std, interval = method_score(group, domain, metric, resamples)
    text = format_score(mean, std, interval)
    return mark_lower(text, mean, starts, domain, metric)


def notes(results: Mapping, table: str) -> list:
    """What is to be said of doing nothing below a table."""
    trained, starts = split_starts(results)
    lines = []
    if MARK in table or r'\downarrow' in table:
        lines.append(f'{MARK} is below doing nothing.')
    groups, used = group_by_method(trained), set()
    for name, group in groups.items():
        own = starts_of(group, starts)
        used.update(map(comparable, own.values()))
        if not own:
            lines.append(f'{name} has no row of doing nothing: {HOW_TO} '
                         '(same config, protocol and start weights).')
    for file, result in starts.items():
        if file in results and trained and comparable(result) not in used:
            lines.append(f'{file} is the start of no row: its weights, '
                         'protocol, domains or scoring are others.')
    return lines


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('files', nargs='+', type=Path, help='result files')
    parser.add_argument(
        '--format', choices=['markdown', 'csv', 'latex'],
        default='markdown', help='csv: the lines below a table go to the '
        'standard error')
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
    results = {file: read_result(file) for file in args.files}
    trained, starts = split_starts(results)
    if labels:
        trained = {f: r for f, r in trained.items()
                   if r['method'] in labels}
        results = {f: r for f, r in results.items()
                   if f in trained or f in starts}
    unlike = differing_fields(trained or starts)
    allowed = args.allow_unlike
    refused = unlike if allowed is None else {
        k: v for k, v in unlike.items() if allowed and k not in allowed}
    if refused:
        raise ValueError('\n'.join(
            ['results of unlike protocols in one table (--allow-unlike '
             f'{" ".join(refused)} permits it):'] +
            [f'{name}: {text}' for name, text in refused.items()]))
    table = make_table(results, args.metrics, args.format, labels,
                       args.resamples, args.domains)
    said = notes(results, table)
    print(table)
    mark = '% ' if args.format == 'latex' else ''
    stream = sys.stderr if args.format == 'csv' else sys.stdout
    for text in [*remarks(results.values()), *said]:
        print(f'\n{mark}{text}', file=stream)
    for name, text in unlike.items():
        print(f'\n{mark}Not alike: {name}: {text}', file=stream)


if __name__ == '__main__':
    run_main(main)
