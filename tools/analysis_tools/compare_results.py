"""Print results of ``tools/test.py --out`` beside each other.

    python tools/analysis_tools/compare_results.py before.json after.json

One row per metric, one column per file, named after the file. With two files
a third column holds the difference. Values are in percent.
"""

import argparse
import json
from pathlib import Path

from mmreidmix.command_line import run_main


def read_results(path: Path) -> dict:
    """Read ``{'<domain>/<metric>': fraction}`` from a result file.

    Args:
        path (Path): Written by ``tools/test.py --out``.

    Raises:
        ValueError: the file is missing, no JSON, or without 'results'.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(f'{path}: cannot be read: {error}') from error
    if not isinstance(content, dict) or 'results' not in content:
        raise ValueError(
            f"{path}: has no key 'results'; expected a file written by "
            'tools/test.py --out')
    return content['results']


def make_table(columns: dict, metrics: list) -> str:
    """Lay the chosen metrics of several result files out as a text table.

    Args:
        columns (dict[str, dict]): Column name -> results, each a dict of
            '<domain>/<metric>' -> fraction.
        metrics (list[str]): The metrics to show, in this order.

    Raises:
        ValueError: no file has any of the metrics.
    """
    domains = dict.fromkeys(
        key.rpartition('/')[0] for results in columns.values()
        for key in results if key.rpartition('/')[2] in metrics)
    if not domains:
        raise ValueError(f'none of the files has any of {metrics}')
    head = ['', *columns]
    if len(columns) == 2:
        head.append('difference')
    rows = [head]
    for domain in domains:
        for metric in metrics:
            key = f'{domain}/{metric}'
            values = [results.get(key) for results in columns.values()]
            if all(value is None for value in values):
                continue
            row = [key] + [
                '-' if value is None else f'{100 * value:.1f}'
                for value in values
            ]
            if len(values) == 2:
                row.append('-' if None in values else
                           f'{100 * (values[1] - values[0]):+.1f}')
            rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for name, *cells in rows:
        right = [f'{cell:>{w}}' for cell, w in zip(cells, widths[1:])]
        lines.append('  '.join([f'{name:<{widths[0]}}', *right]))
    return '\n'.join(lines)


def column_names(files: list) -> list:
    """Name each file by its stem, or by its path where stems repeat."""
    stems = [path.stem for path in files]
    return stems if len(set(stems)) == len(files) else list(map(str, files))


def parse_args():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('files', nargs='+', type=Path, help='result files')
    parser.add_argument(
        '--metrics',
        nargs='+',
        default=['mAP', 'rank-1'],
        help='metrics to show (default: mAP rank-1)')
    return parser.parse_args()


def main():
    """Run the tool."""
    args = parse_args()
    columns = {
        name: read_results(path)
        for name, path in zip(column_names(args.files), args.files)
    }
    print(make_table(columns, args.metrics))


if __name__ == '__main__':
    run_main(main)
