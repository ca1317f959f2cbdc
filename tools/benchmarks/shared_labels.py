"""Pseudo labels of one process, or of several that each hold a part.

    python tools/benchmarks/shared_labels.py --num 100000 --dim 256
    torchrun --nproc-per-node 2 -- tools/benchmarks/shared_labels.py \\
        --num 100000 --dim 256

The hash of the labels is the same, whatever the number of processes. What
each figure means: docs/en/reference/pseudo_labels.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from common.command_line import check_positive, save_report
from common.machine import hardware, versions
from common.subprocess_meter import peak_mib, restart_peak, use_threads

from mmreidmix.choices import EXACT_BACKENDS
from mmreidmix.command_line import output_file, run_main

if TYPE_CHECKING:
    import numpy as np

BACKENDS = (*EXACT_BACKENDS, 'ivf')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--num', type=int, required=True, help='images')
    add('--dim', type=int, default=256, help='dimensions of a feature')
    add('--backend', default='torch', choices=BACKENDS,
        help='neighbour search; ivf is approximate')
    add('--memory', type=int, metavar='MIB',
        help='a process that takes more than this beyond its libraries stops')
    add('--threads', type=int, default=1, help='of each process; default: 1')
    add('--seed', type=int, default=0, help='of the planted features')
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, num=args.num, dim=args.dim, threads=args.threads,
                   memory=args.memory)
    return args


def limit_memory(mib: int) -> None:
    """Stop this process where it takes more than now and ``mib``."""
    status = Path('/proc/self/status').read_text()
    now = int(status.split('VmData:')[1].split()[0]) << 10
    limit = now + (mib << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def label(args, rank: int, num_processes: int) -> dict:
    """Draw the own part, label it, and tell what it took."""
    # Imported here: --help must not wait for torch.
    import numpy as np
    from common.synthetic_features import planted_features
    from sklearn.metrics import adjusted_rand_score

    from mmreidmix.pseudo_labels import JaccardDBSCAN
    from mmreidmix.sharded import label_together

    clusterer = JaccardDBSCAN(backend=args.backend, threads=args.threads)
    run = label_together if num_processes > 1 else (
        lambda clusterer, features: clusterer(features))
    # Compiled kernels are loaded before the clock starts.
    run(clusterer, planted_features(400, args.dim, args.seed)[0])
    if args.memory:
        limit_memory(args.memory)
    part = slice(args.num * rank // num_processes,
                 args.num * (rank + 1) // num_processes)
    features, persons, _ = planted_features(
        args.num, args.dim, args.seed, part=part)
    restart_peak()
    result = run(clusterer, features)
    alone = np.where(result.clusters < 0, -1 - np.arange(args.num),
                     result.clusters)
    return dict(
        seconds=result.seconds, peak_mib=peak_mib(),
        features_mib=features.nbytes / (1 << 20),
        labels_sha256=hashed(result.labels),
        clusters=int(result.clusters.max()) + 1,
        adjusted_rand=adjusted_rand_score(persons, alone))


def hashed(labels: np.ndarray) -> str:
    """Hash of labels (N,)."""
    return hashlib.sha256(labels.tobytes()).hexdigest()


def show(args, found: list[dict]) -> None:
    """Print the figures of all processes."""
    print(f'{args.num:,} x {args.dim}, {args.backend}, processes: '
          f'{len(found)}, threads of each: {args.threads}')
    for name in found[0]['seconds']:
        print(f'{name:12}{max(f["seconds"][name] for f in found):10.2f} s')
    print(f'{"all":12}{total(found):10.2f} s')
    print('peak of each process, MiB: '
          + ', '.join(f'{f["peak_mib"]:,.0f}' for f in found)
          + f' (own features: {found[0]["features_mib"]:,.0f})')
    print(f'clusters: {found[0]["clusters"]:,}; ARI '
          f'{found[0]["adjusted_rand"]:.3f}; labels '
          f'{found[0]["labels_sha256"][:16]}')


def total(found: list[dict]) -> float:
    """Seconds of the slowest process."""
    return max(sum(f['seconds'].values()) for f in found)


def main(argv=None) -> None:
    """Label, print, write."""
    args = parse_args(argv)
    use_threads(args.threads)
    # Imported here: --help must not wait for torch.
    from mmengine.dist import all_gather_object, get_dist_info

    from mmreidmix.compat import close_process_group, init_cpu_process_group
    if 'RANK' in os.environ:  # as torchrun sets it
        init_cpu_process_group('pytorch')
    rank, num = get_dist_info()
    found = all_gather_object(label(args, rank, num))
    if rank == 0:
        show(args, found)
        save_report(dict(
            num=args.num, dim=args.dim, backend=args.backend,
            threads=args.threads, seconds=total(found), processes=found,
            hardware=hardware(), versions=versions()), args.out)
    close_process_group()


if __name__ == '__main__':
    run_main(main)
