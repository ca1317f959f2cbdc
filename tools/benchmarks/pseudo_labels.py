"""Seconds, memory and quality of the pseudo-label stage.

    python tools/benchmarks/pseudo_labels.py --num 12936 --dim 2048 \
        --backend torch --compare dense faiss --out result.json

What each figure means: docs/en/reference/pseudo_labels.md.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from common import dense_jaccard
from common.command_line import check_memory, check_positive, save_report
from common.cost_curve import curve_table, draw, growth, make_table
from common.machine import hardware, versions
from common.subprocess_meter import in_new_process, say, use_threads

from mmreidmix.choices import APPROXIMATE_BACKENDS, BACKENDS
from mmreidmix.command_line import output_file, run_main

if TYPE_CHECKING:
    from common.pseudo_label_stages import Setting


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--num', type=int, help='images')
    add('--curve', nargs='+', type=int, metavar='NUM',
        help='several numbers of images instead of one: a cost curve')
    add('--dim', type=int, default=2048, help='dimensions of a feature')
    add('--backend', default='torch',
        choices=BACKENDS,
        help='neighbour search; ivf and hnsw are approximate')
    add('--options', nargs='+', default=[], type=_option,
        metavar='NAME=NUMBER', help='of ivf or hnsw, for instance nprobe=64')
    add('--expansion', type=int,
        help='rounds of neighbours of neighbours after the search, part of '
        'its time; default: 2 with ivf and hnsw')
    add('--device', choices=['cpu', 'cuda'],
        help='of the neighbour search; default: for --backend torch the GPU '
        'if there is one')
    add('--compare', nargs='+', default=[], choices=['dense', 'faiss'],
        help='dense: the Jaccard stage as N x N matrices; faiss: exact '
        'neighbours by faiss IndexFlatIP')
    add('--threads', type=int,
        help="threads of every library; default: torch's own")
    add('--seed', type=int, default=0, help='of the planted features')
    add('--out', type=output_file, help='result file')
    add('--plot', type=output_file, help='picture of the curve')
    args = parser.parse_args(argv)
    if (args.num is None) == (args.curve is None):
        parser.error('give either --num or --curve')
    if args.plot and not args.curve:
        parser.error('--plot draws a --curve, not a single --num')
    nums = args.curve or [args.num]
    check_positive(parser, num=min(nums), dim=args.dim, threads=args.threads)
    if args.curve and len(set(nums)) < 2:
        parser.error('--curve needs at least two different numbers')
    if args.options and args.backend not in APPROXIMATE_BACKENDS:
        parser.error(f'--options: --backend {args.backend} has none')
    if args.expansion is None:
        args.expansion = 2 if args.backend in APPROXIMATE_BACKENDS else 0
    if args.device == 'cuda' and args.backend != 'torch':
        parser.error(f'--backend {args.backend} runs on the CPU only')
    if 'dense' in args.compare:
        check_memory(
            parser,
            f'--compare dense (N x N matrices) at {max(nums):,} images',
            dense_jaccard.needed_bytes(max(nums), args.dim),
            'take fewer images or leave it out')
    return args


def _option(text):
    name, _, value = text.partition('=')
    if not value.isdecimal():
        raise argparse.ArgumentTypeError(
            f'expected NAME=NUMBER as in nprobe=64, got {text!r}')
    return name, int(value)


def measure(setting: Setting, compare) -> dict:
    """Measure one number of images, and the references asked for."""
    # Imported here: --help must not wait for torch.
    from common.pseudo_label_stages import (
        measure_dense,
        measure_stage,
        warm_up,
    )
    with tempfile.TemporaryDirectory() as folder:
        keep = Path(folder) if 'dense' in compare else None
        say('kernels are compiled, or loaded if they are on disk')
        compile_seconds = in_new_process(warm_up, setting)
        report = dict(
            warm_up_seconds=compile_seconds,
            **in_new_process(
                measure_stage, setting, 'faiss' in compare, keep))
        if keep:
            dense = in_new_process(measure_dense, setting, keep)
            report['dense'] = dict(
                dense, speedup=speedups(report['seconds'], dense['seconds']))
    return report


def speedups(own, dense) -> dict:
    """How many times as fast as the dense reference.

    ``jaccard_stage``: encoding and distances; ``with_clustering``: and DBSCAN
    at three eps.
    """
    def ratio(own_stages, dense_stages):
        return (sum(dense[name] for name in dense_stages) /
                sum(own[name] for name in own_stages))

    stage, reference = ['encoding', 'jaccard'], ['encoding', 'distances']
    return dict(
        jaccard_stage=ratio(stage, reference),
        with_clustering=ratio(
            stage + ['clustering'], reference + ['clustering']),
        clustering=ratio(['clustering'], ['clustering']))


def all_versions() -> dict:
    """Versions of all libraries the stage runs on."""
    import faiss
    import numba
    import scipy
    import sklearn
    return dict(
        versions(), faiss=faiss.__version__, numba=numba.__version__,
        scipy=scipy.__version__, sklearn=sklearn.__version__)


def describe(result: dict) -> str:
    """Tables of one number of images, in Markdown."""
    from common.pseudo_label_stages import STAGES
    memory, dense = result['memory_mib'], result.get('dense')
    rows = [['stage', 'seconds', 'peak, MiB']]
    rows += [[name, f'{result["seconds"][name]:.3f}',
              f'{memory["stages"][name]:.0f}'] for name in STAGES]
    rows.append(['all after the neighbours',
                 f'{result["after_neighbours_seconds"]:.3f}', ''])
    parts = [make_table(rows)]

    kinds = [(f'eps {eps}', found) for eps, found in result['labels'].items()]
    rows = [['labels', 'clusters', 'noise', 'ARI', 'ARI of clustered images']]
    rows += [[name, str(found['clusters']), f'{found["noise_share"]:.1%}',
              f'{found["ari"]:.3f}', f'{found["ari_clustered"]:.3f}']
             for name, found in [*kinds, ('reliable', result['reliable'])]]
    parts.append(make_table(rows))

    lines = [
        f'features {memory["features"]:.0f} MiB, peak of the process '
        f'{memory["peak"]:.0f} MiB: {memory["peak_over_features"]:.0f} MiB '
        f'over the features (libraries alone {memory["libraries"]:.0f}), '
        f'{memory["peak_over_start"]:.0f} MiB over the start of the stage',
        f'persons {result["persons"]}, images within the radius '
        f'{result["partners_per_image"]:.1f} per image, warm-up (compilation) '
        f'{result["warm_up_seconds"]:.1f} s, not counted above']
    if 'recall' in result:
        lines.append(f'recall of the neighbours {result["recall"]:.4f}')
    if 'faiss' in result:
        other = result['faiss']
        lines.append(
            f'faiss IndexFlatIP {other["seconds"]:.2f} s: the search above is '
            f'{other["speedup"]:.2f} times as fast; same neighbour sets in '
            f'{other["share_of_equal_rows"]:.4%} of the rows; of the '
            f'{other["rows_different"]} others '
            f'{other["rows_different_beyond_rounding"]} differ by more than '
            f'rounding (largest gap {other["largest_gap"]:.1e})')
    if dense:
        took, times = dense['seconds'], dense['speedup']
        lines.append(
            'dense reference: ' + ', '.join(
                f'{name} {value:.2f} s' for name, value in took.items()) +
            f', peak {dense["memory_mib"]["peak"]:.0f} MiB; speed-up of the '
            f'Jaccard stage {times["jaccard_stage"]:.1f}, with clustering '
            f'{times["with_clustering"]:.1f}; adjusted Rand ' + ', '.join(
                f'{value:.6f} at {eps}'
                for eps, value in dense['adjusted_rand'].items()) +
            f'; largest difference of {dense["pairs"]:,} distances '
            f'{dense["largest_difference"]:.1e}, '
            f'{dense["missing_pairs"]} missing')
    return '\n\n'.join([*parts, *lines])


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    import torch
    from common.pseudo_label_stages import (
        ALL_EPS,
        K1,
        K2,
        MIN_SAMPLES,
        Setting,
    )
    threads = use_threads(args.threads)
    gpu = args.backend == 'torch' and torch.cuda.is_available()
    device = args.device or ('cuda' if gpu else 'cpu')
    setting = Setting(0, args.dim, args.backend, device, threads, args.seed,
                      dict(args.options), args.expansion)
    report = dict(
        hardware=hardware(),
        versions=all_versions(),
        settings=dict(
            dim=args.dim, backend=args.backend, options=setting.options,
            expansion=args.expansion, device=device, threads=threads,
            seed=args.seed,
            k1=K1, k2=K2, eps=ALL_EPS, min_samples=MIN_SAMPLES),
        results={})
    print(report['hardware'], report['settings'], sep='\n', flush=True)
    for num in sorted(set(args.curve or [args.num])):
        result = measure(replace(setting, num=num), args.compare)
        report['results'][str(num)] = result
        print(f'\n{num:,} images x {args.dim}\n\n{describe(result)}',
              flush=True)
        save_report(report, args.out)  # a long curve is not lost at its end
    if args.curve:
        report['growth'] = growth(report['results'])
        save_report(report, args.out)
        print('', curve_table(report['results']),
              f'growth exponents: {report["growth"]}', sep='\n')
    if args.plot:
        draw(report['results'], args.plot,
             f'D = {args.dim}, backend {args.backend}, {device}, '
             f'{threads} threads')
        say(f'picture: {args.plot}')


if __name__ == '__main__':
    run_main(main)
