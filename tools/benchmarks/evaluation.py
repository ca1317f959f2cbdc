"""Seconds and memory of ranking and re-ranking.

    python tools/benchmarks/evaluation.py --queries 3368 --gallery 15913 \
        --dim 2048 --compare sort --out result.json
    python tools/benchmarks/evaluation.py --queries 3368 --gallery 15913 \
        --dim 2048 --rerank --compare dense

Features are planted (common/synthetic_features.py). Every part runs in a
process of its own.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from common import dense_reranking
from common.command_line import check_memory, check_positive, save_report
from common.cost_curve import make_table
from common.machine import hardware, versions
from common.subprocess_meter import in_new_process, use_threads
from common.synthetic_features import LATENT

from mmreidmix.command_line import output_file, run_main

if TYPE_CHECKING:
    from common.evaluation_stages import Setting

PER_QUERY = ('ap', 'first')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--queries', type=int, required=True, help='query images')
    add('--gallery', type=int, required=True, help='gallery images')
    add('--dim', type=int, default=2048, help='dimensions of a feature')
    add('--latent', type=int, default=LATENT,
        help='dimensions that the features use; the search of re-ranking '
        'takes longer where they use many (default: %(default)s)')
    add('--rerank', action='store_true', help='re-ranking as well')
    add('--k1-intra', type=int,
        help='re-ranking tells cameras apart: the lists hold so many images '
        'of the same camera')
    add('--compare', nargs='+', default=[], choices=['sort', 'dense'],
        help='sort: whole lists by argsort; dense: re-ranking as N x N '
        'matrices, with --rerank')
    add('--threads', type=int,
        help="threads of every library; default: torch's own")
    add('--rounds', type=int, default=3,
        help='medians over so many count; the references run once')
    add('--seed', type=int, default=0, help='of the planted features')
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(
        parser, queries=args.queries, gallery=args.gallery, dim=args.dim,
        latent=args.latent, threads=args.threads, repeats=args.rounds)
    if 'dense' in args.compare and not args.rerank:
        parser.error('--compare dense compares re-ranking: add --rerank')
    if args.k1_intra is not None and not args.rerank:
        parser.error('--k1-intra is an option of re-ranking: add --rerank')
    num = args.queries + args.gallery
    needed = dict(
        # Scores, negated scores, indices, matches.
        sort=4 * args.dim * num + 18 * args.queries * args.gallery + (1 << 30),
        dense=dense_reranking.needed_bytes(num, 2 * args.dim))
    for name in args.compare:
        check_memory(parser, f'--compare {name}', needed[name],
                     'take fewer images or leave it out')
    return args


def measure(setting: Setting, rerank: bool, compare) -> dict:
    """Measure ranking, re-ranking and the references asked for."""
    # Imported here: --help must not wait for torch.
    from common.evaluation_stages import (
        measure_dense,
        measure_rank,
        measure_rerank,
        measure_sort,
    )
    report = dict(rank=in_new_process(measure_rank, setting))
    if 'sort' in compare:
        report['sort'] = in_new_process(
            measure_sort, setting, *_taken(report['rank']))
        report['sort']['speedup'] = (
            report['sort']['seconds'] / report['rank']['seconds']['rank'])
    if rerank:
        own = report['rerank'] = in_new_process(measure_rerank, setting)
        if 'dense' in compare:
            report['dense'] = in_new_process(
                measure_dense, setting, *_taken(own))
            dense, seconds = report['dense']['seconds'], own['seconds']['all']
            report['dense']['speedup'] = dict(
                from_features=dense['all'] / seconds,
                without_dense_distances=dense['re-ranking'] / seconds)
    for part in report.values():
        for key in PER_QUERY:
            part.pop(key, None)
    return report


def _taken(part):
    return [part[key] for key in PER_QUERY]


def describe(report: dict, repeats: int) -> str:
    """A table and sentences, in Markdown."""
    own = report['rank']
    rows = [['stage', 'seconds', 'peak, MiB']]
    rows += [[name, f'{value:.3f}', ''] for name, value in
             own['seconds'].items()]
    rows[-1][-1] = f'{own["memory_mib"]["peak"]:.0f}'
    lines = [
        f'rank takes {own["rank_over_products"]:.2f} times the products '
        f'alone, {own["rank_over_tiled_products"]:.2f} times those in tiles, '
        f'as it makes them (medians of {repeats}); peak over the features '
        f'{own["memory_mib"]["peak_over_features"]:.0f} MiB; mAP '
        f'{own["summary"]["mAP"]:.6f}']
    if 'sort' in report:
        other = report['sort']
        rows.append(['sort', f'{other["seconds"]:.3f}',
                     f'{other["peak_mib"]:.0f}'])
        lines.append(
            f'rank is {other["speedup"]:.1f} times as fast as sorting; first '
            'matches equal, largest difference of AP '
            f'{other["largest_difference_of_ap"]:.1e}')
    for kind, peak in (('rerank', None), ('dense', 'peak_mib')):
        if kind not in report:
            continue
        part = report[kind]
        rows += [[f'{kind}: {name}', f'{value:.3f}', '']
                 for name, value in part['seconds'].items()]
        rows[-1][-1] = '{:.0f}'.format(
            part[peak] if peak else part['memory_mib']['peak'])
    if 'rerank' in report:
        lines.append(
            're-ranking: peak over the features '
            f'{report["rerank"]["memory_mib"]["peak_over_features"]:.0f} MiB; '
            f'mAP {report["rerank"]["mAP"]:.6f}')
    if 'dense' in report:
        other = report['dense']
        times = other['speedup']
        lines.append(
            f're-ranking (median of {repeats}) is '
            f'{times["from_features"]:.1f} times as fast as the dense '
            'original, both from features to final distances ('
            f'{times["without_dense_distances"]:.1f} times if its distances '
            'are not counted); largest difference of distances '
            f'{other["largest_difference"]:.1e} (more than 1e-5 for '
            f'{other["differing"]} of them), of AP '
            f'{other["largest_difference_of_ap"]:.1e}; first matches equal '
            f'for {other["share_of_equal_first_matches"]:.4%}')
    return '\n\n'.join([make_table(rows), *lines])


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    from common.evaluation_stages import Setting
    setting = Setting(
        args.queries, args.gallery, args.dim, use_threads(args.threads),
        args.seed, args.rounds, args.latent, args.k1_intra)
    report = dict(hardware=hardware(), versions=versions(),
                  settings=vars(setting))
    print(report['hardware'], report['settings'], sep='\n', flush=True)
    report['results'] = measure(setting, args.rerank, args.compare)
    print(describe(report['results'], args.rounds))
    save_report(report, args.out)


if __name__ == '__main__':
    run_main(main)
