"""One of several gloo processes that label together; writes what it has."""

import sys
from pathlib import Path

import numpy as np
from mmengine.dist import get_rank, get_world_size
from scipy import sparse

from mmreidmix.compat import close_process_group, init_cpu_process_group
from mmreidmix.distributed.shares import Shares, exchange, pass_on
from mmreidmix.neighbours import reduced_precision
from mmreidmix.pseudo_labels import CollapsedFeaturesError, JaccardDBSCAN
from mmreidmix.sharded import (
    approximate_search,
    dbscan,
    encoding,
    exact_search,
    expansion,
    jaccard,
    label_together,
)
from tests.oracles import blobs, unit


def near_subspace(num: int, outlier: bool) -> np.ndarray:
    """Features (num, 64) near 6 dimensions; one may lie outside."""
    features = blobs(num, dim=6, seed=7)[0]
    rng = np.random.default_rng(1)
    features = features @ rng.normal(size=(6, 64))
    features += 0.25 * rng.normal(size=features.shape)
    if outlier:  # not among the images on which dimensions are tried
        features[7] = np.linalg.svd(features)[2][-1]
    return unit(features)


#: Name -> features, and options of the clusterer.
CASES = {
    'persons': (unit(blobs(700, dim=24, seed=5)[0]), dict(k1=12, k2=4)),
    # 12 directions: many equal similarities, more copies than neighbours.
    'ties': (unit(np.random.default_rng(0).integers(-1, 2, (300, 3)) + 0.5),
             dict(k1=8, k2=3, criteria=None)),
    'ivf': (unit(blobs(2000, dim=24, seed=6)[0]),
            dict(k1=12, k2=4, backend='ivf',
                 backend_options=dict(nlist=60, nprobe=6))),
    'subspace': (near_subspace(600, False), dict(k1=12, k2=4)),
    'outlier': (near_subspace(600, True), dict(k1=12, k2=4)),
    'few': (unit(blobs(5, seed=1)[0]), dict(k1=30, k2=6, min_samples=2)),
    'alone': (unit(blobs(90, seed=2)[0]), dict(k1=1, k2=1)),
}

#: So small that there are several parts, and few products are many.
SMALL = [
    (approximate_search, '_ROWS', 150), (expansion, '_CHUNK', 150),
    (exact_search, 'TILE', 64), (exact_search, 'MANY', 0),
    (exact_search, '_SAMPLE', 200), (reduced_precision, 'MANY', 0),
    (jaccard, '_TILE', 50), (encoding, '_CHUNK', 40)]


def own_part(rows: np.ndarray) -> np.ndarray:
    """An unequal share; of few rows some processes have none."""
    cuts = np.array([0, 0.2, 0.7, 0.75, 1])[-get_world_size() - 1:]
    cuts[0] = 0
    begin, end = (int(len(rows) * cut)
                  for cut in cuts[get_rank():get_rank() + 2])
    return rows[begin:end]


def stages(features: np.ndarray, k1: int, k2: int, radius: float) -> dict:
    """Own rows of neighbours, encodings and distances."""
    shares = Shares(len(features))
    lists = exact_search.search_together(
        features, min(max(k1, k2), len(shares)), shares)
    rows = encoding.encode_together(lists, features, k1, k2, shares)
    graph = jaccard.jaccard_graph_together(rows, radius, shares)
    _, copies = exact_search._reduce(
        features, min(max(k1, k2), len(shares)), shares)
    return dict(
        dimensions=copies.copies.shape[1], indices=lists[0], sims=lists[1],
        encoding=rows.toarray(), graph=dense(graph),
        dbscan=dbscan.dbscan_together(graph, radius, 3, shares))


def dense(graph: sparse.csr_matrix) -> np.ndarray:
    """Distances; infinity where none is stored, which is not 0."""
    found = np.full(graph.shape, np.inf, np.float32)
    entries = graph.tocoo()
    found[entries.row, entries.col] = entries.data
    return found


def exchanged() -> dict:
    """Rows of different lengths and types, each with who sent it for whom."""
    rank, num = get_rank(), get_world_size()
    found = exchange([np.full((rank + to, 2), 10 * rank + to, np.int16)
                      for to in range(num)])
    assert [part.shape for part in found] == [
        (rank + source, 2) for source in range(num)]
    passed = pass_on(np.full(3, rank, np.float32), (rank + 1) % num,
                     (rank - 1) % num)
    shares = Shares(rank + 2)
    own = np.arange(shares.first, shares.last)
    fetched = shares.fetch(np.arange(0, len(shares), 2), own, own * 0.5)
    return dict(sent=np.concatenate(found)[:, 0], passed=passed,
                fetched=fetched[0], halves=fetched[1])


def collapsed() -> str:
    """The message where all images are alike."""
    features = own_part(np.ones((400, 8), np.float32))
    try:
        label_together(JaccardDBSCAN(k1=30, max_pairs=2000), features)
    except CollapsedFeaturesError as error:
        return str(error)
    return ''


def main(folder: Path) -> None:
    """Run all cases."""
    init_cpu_process_group('pytorch')
    for module, name, value in SMALL:
        assert hasattr(module, name)
        setattr(module, name, value)
    for name, (features, options) in CASES.items():
        own = own_part(features)
        result = label_together(JaccardDBSCAN(**options), own)
        np.savez(folder / f'{name}{get_rank()}.npz', **stages(
            own, options['k1'], options['k2'], 0.6), labels=result.labels,
            clusters=result.clusters)
    np.savez(folder / f'exchange{get_rank()}.npz', **exchanged(),
             collapsed=collapsed())
    close_process_group()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
