"""Images per second: data alone, step alone, whole loop, embedding.

    python tools/benchmarks/train_speed.py --out speed.json

What each figure means: docs/en/reference/speed.md.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from common.command_line import (
    BASE,
    NUM_INSTANCES,
    check_positive,
    save_report,
)
from common.machine import hardware, versions
from common.subprocess_meter import in_new_process

from mmreidmix.command_line import output_file, run_main
from mmreidmix.toy import generate

if TYPE_CHECKING:
    from common.training_stages import Bench

BACKBONES = sorted(file.stem for file in (BASE / 'backbones').glob('*.py')
                   if file.stem != 'preprocessor')
FORMATS = ('fp32', 'bf16')
SETTINGS = ('size', 'batch_size', 'iters', 'warmup', 'rounds', 'workers')
# Figures of a format, and those that no format concerns.
OWN, SHARED = ('step', 'loop', 'embed'), ('loading', 'plain')
# Ratio -> figure above the line, figures below it (the slowest counts), and
# what the project aims at.
RATIOS = {
    'loop_to_slower': ('loop', ('loading', 'step'), '0.90'),
    'loop_to_plain': ('loop', ('plain', ), '2.5 (r50, bf16)'),
    'step_to_plain': ('step', ('plain', ), '-'),
}


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='The GPU is used where there is one; set '
        "CUDA_VISIBLE_DEVICES='' to measure the CPU beside it.")
    add = parser.add_argument
    add('--models', nargs='+', choices=BACKBONES,
        default=['r50', 'osnet_x0_25'],
        help='files of configs/_base_/backbones')
    add('--precisions', nargs='+', choices=FORMATS, default=list(FORMATS),
        help='number formats; default: both')
    add('--size', nargs=2, type=int, default=[256, 128],
        metavar=('HEIGHT', 'WIDTH'))
    add('--batch-size', type=int, default=32)
    add('--iters', type=int, default=8, help='measured iterations per round')
    add('--warmup', type=int, default=3, help='iterations before each of them')
    add('--rounds', type=int, default=3,
        help='all figures are measured in turns, so often; medians count')
    add('--threads', type=int, help="threads of torch; default: torch's own")
    add('--workers', type=int,
        help='loading processes; default: 4 with a GPU, 0 without')
    add('--data',
        help='a Market-1501 folder; default: toy images, drawn on the spot')
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, iters=args.iters, warmup=args.warmup,
                   rounds=args.rounds)
    if args.batch_size < 1 or args.batch_size % NUM_INSTANCES:
        parser.error(f'--batch-size must be a multiple of {NUM_INSTANCES}, '
                     f'got {args.batch_size}')
    return args


def run(bench: Bench) -> dict:
    """All figures in turns, by format: a machine's speed drifts."""
    # Imported here: --help must not wait for torch.
    from common.training_stages import measure_one

    def one(*figure: str) -> float:
        return in_new_process(measure_one, bench, *figure)

    rounds = {name: collections.defaultdict(list)
              for name in bench.args.precisions}
    for _ in range(bench.args.rounds):
        shared = {f: one(f) for f in SHARED}
        for name, found in rounds.items():
            rates = {f: one(f, name) for f in OWN}
            for figure, value in {**shared, **rates}.items():
                found[figure].append(value)
    return {
        name: dict(
            images_per_second={
                figure: statistics.median(values)
                for figure, values in found.items()},
            ratios=ratios_of(found),
            rounds=found)
        for name, found in rounds.items()
    }


def ratios_of(rounds: dict) -> dict:
    """Medians over rounds of the ratios inside each round.

    Args:
        rounds (dict[str, list[float]]): rates of each figure, by round.
    """
    by_round = [dict(zip(rounds, values)) for values in zip(*rounds.values())]
    return {
        name: statistics.median(r[above] / min(r[b] for b in below)
                                for r in by_round)
        for name, (above, below, _) in RATIOS.items()
    }


def make_table(results: dict) -> str:
    """Rates and ratios, one column per backbone and format, in Markdown.

    Args:
        results (dict[str, dict]): name of a backbone -> ``Bench.run()``.
    """
    columns = {f'{name} ({precision})': found
               for name, formats in results.items()
               for precision, found in formats.items()}
    rows = [['', *columns, 'goal']]
    rows.append(['---'] + ['---:'] * (len(columns) + 1))
    for name in (*SHARED, *OWN):
        rates = [r['images_per_second'][name] for r in columns.values()]
        rows.append([f'{name}, images/s', *map('{:.1f}'.format, rates), '-'])
    for name, (_, _, goal) in RATIOS.items():
        ratios = [r['ratios'][name] for r in columns.values()]
        rows.append([name, *map('{:.2f}'.format, ratios), goal])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        f'| {" | ".join(map(str.ljust, row, widths))} |' for row in rows)


def measure(args: argparse.Namespace) -> dict:
    """Measure all backbones one after the other."""
    import torch
    from common.training_stages import NUM_CLASSES, Bench
    if args.workers is None:
        args.workers = 4 if torch.cuda.is_available() else 0
    with tempfile.TemporaryDirectory() as folder:
        data = args.data
        if not data:
            data = str(Path(folder) / 'toy')
            generate(data, 'market1501', 'synthetic', num_ids=25,
                     num_test_ids=1, images_per_camera=2, num_cameras=6,
                     size=(128, 64))
        results = {
            name: run(Bench(args, name, data, str(Path(folder) / name)))
            for name in args.models
        }
    return dict(
        hardware=hardware(),
        versions=versions(),
        settings=dict(
            {name: getattr(args, name) for name in SETTINGS},
            classes=NUM_CLASSES,
            data=args.data or 'toy'),
        results=results)


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    report = measure(args)
    save_report(report, args.out)
    print(report['hardware'], report['settings'], sep='\n')
    print(make_table(report['results']))


if __name__ == '__main__':
    run_main(main)
