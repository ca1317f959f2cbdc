"""Seconds, recall, memory and disk of a gallery of many images.

    python tools/benchmarks/gallery.py --num 1000000 --dim 512 \
        --index ivf --queries 200 --out result.json

Embeddings are planted (common/synthetic_features.py); the queries are further
images of the same persons. The reference compares with all embeddings by one
float32 product and argpartition. Gallery and reference run in processes of
their own.
"""

import argparse
import tempfile
from pathlib import Path

from common.command_line import check_memory, check_positive, save_report
from common.cost_curve import make_table
from common.machine import hardware, versions
from common.subprocess_meter import in_new_process, use_threads

from mmreidmix.choices import GALLERY_INDEXES
from mmreidmix.command_line import output_file, run_main


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--num', type=int, required=True, help='images of the gallery')
    add('--dim', type=int, default=512, help='dimensions of an embedding')
    add('--index', choices=GALLERY_INDEXES, default='ivf',
        help='how it searches')
    add('--queries', type=int, default=200, help='searched one by one')
    add('--threads', type=int,
        help="threads of every library; default: torch's own")
    add('--seed', type=int, default=0, help='of embeddings and index')
    add('--folder', type=Path,
        help='the gallery is made in a temporary folder in it and deleted '
        "afterwards; default: the system's")
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, num=args.num, dim=args.dim,
                   queries=args.queries, threads=args.threads)
    # The embeddings as given, those of the gallery, the index and the rest.
    check_memory(parser, 'this', 10 * args.dim * args.num + (2 << 30),
                 'take fewer --num or --dim')
    return args


def describe(report: dict) -> str:
    """A table and a sentence, in Markdown."""
    # Imported here: --help must not wait for torch.
    from common.gallery_stages import TOPK
    own, other = report['gallery'], report['reference']
    rows = [['step', 'seconds', 'peak, MiB']]
    rows += [[name, f'{value:.2f}', f'{own["memory_mib"]["stages"][name]:.0f}']
             for name, value in own['seconds'].items()]
    queries = [
        ['one query', 'median, ms', '95 %, ms', 'processor, ms', 'peak, MiB']]
    queries += [[name, f'{part["query_ms"]["median"]:.2f}',
                 f'{part["query_ms"]["p95"]:.2f}',
                 f'{part["query_ms"]["cpu"]:.2f}',
                 f'{part["memory_mib"]["peak"]:.0f}']
                for name, part in report.items()]
    return '\n\n'.join([
        make_table(rows), make_table(queries),
        f'recall@{TOPK} of the gallery {own["recall"]:.4f}; on the disk '
        f'{own["disk_mib"]:.0f} MiB; a query takes '
        f'{other["query_ms"]["median"] / own["query_ms"]["median"]:.1f} '
        'times as long by product and argpartition'])


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    from common.gallery_stages import (
        Setting,
        measure_gallery,
        measure_reference,
    )
    setting = Setting(args.num, args.dim, args.index, args.queries,
                      use_threads(args.threads), args.seed)
    report = dict(hardware=hardware(), versions=versions(),
                  settings=vars(setting))
    print(report['hardware'], report['settings'], sep='\n', flush=True)
    reference = in_new_process(measure_reference, setting)
    true = reference.pop('positions')
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        own = in_new_process(measure_gallery, setting, true, folder)
    report['results'] = dict(gallery=own, reference=reference)
    print(describe(report['results']))
    save_report(report, args.out)


if __name__ == '__main__':
    run_main(main)
