"""A gallery and its plain reference, measured; each in one process."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmreidmix.apis import Gallery
from mmreidmix.neighbours import normalise_rows

from .subprocess_meter import Meter, resident_mib
from .synthetic_features import planted_features

TOPK = 10
# Images of one call of Gallery.add.
_ADDED = 10_000


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Args:
        images (int): Images of the gallery.
        dim (int): Dimensions.
        index (str): 'exact', 'ivf' or 'hnsw'.
        queries (int): Searched one by one.
        threads (int): Of every library.
        seed (int): Of embeddings and index.
    """
    images: int
    dim: int
    index: str
    queries: int
    threads: int
    seed: int

    def embeddings(self):
        """Those of gallery and queries, views of one array, and cameras."""
        torch.set_num_threads(self.threads)
        features, _, cameras = planted_features(
            self.images + self.queries, self.dim, self.seed)
        size = self.images
        return features[:size], features[size:], cameras[:size]


def _one_by_one(search, queries):
    """What is found for each query, and milliseconds of a query.

    ``cpu`` is the mean time of all threads, which other jobs change less.
    """
    search(queries[:1])  # whatever is made at the first call
    found, seconds, cpu = [], [], time.process_time()
    for i in range(len(queries)):
        begin = time.perf_counter()
        found.append(search(queries[i:i + 1]))
        seconds.append(time.perf_counter() - begin)
    median, p95 = 1000 * np.percentile(seconds, [50, 95])
    cpu = 1000 * (time.process_time() - cpu) / len(queries)
    return found, dict(median=float(median), p95=float(p95), cpu=cpu)


def measure_gallery(setting, true, folder):
    """Add, build, open and search.

    Args:
        setting (Setting): What.
        true (np.ndarray): (queries, 10) positions by the reference.
        folder (str): Empty, for the gallery.

    Returns:
        dict: Seconds by step, milliseconds per query, recall, memory, disk.
    """
    bank, queries, cameras = setting.embeddings()
    names = [f'{i:08d}.jpg' for i in range(len(bank))]
    start, size = resident_mib(), bank.nbytes / 2**20
    meter = Meter()
    folder = Path(folder, 'gallery')
    with Gallery.create(folder, setting.dim) as gallery:
        with meter('add'):
            for first in range(0, len(bank), _ADDED):
                part = slice(first, first + _ADDED)
                gallery.add(bank[part], names[part], camids=cameras[part])
        options = {} if setting.index == 'exact' else dict(seed=setting.seed)
        with meter('build'):
            gallery.build_index(setting.index, **options)
    queries = queries.copy()
    del bank, gallery  # what searches later has only what it opens
    with meter('open'):
        gallery = Gallery.open(folder, read_only=True)
        gallery.prepare_index()
    with meter('queries'):
        found, query_ms = _one_by_one(
            lambda query: gallery.search(query, TOPK)[0], queries)
    hits = [len({match.id for match in line} & set(positions.tolist()))
            for line, positions in zip(found, true)]
    disk = sum(path.stat().st_size for path in folder.iterdir())
    return dict(
        seconds=meter.seconds,
        query_ms=query_ms,
        recall=sum(hits) / true.size,
        memory_mib=dict(
            embeddings=size, start=start, stages=meter.peaks,
            peak=max(meter.peaks.values())),
        disk_mib=disk / 2**20)


def measure_reference(setting):
    """One product with all embeddings and argpartition for every query.

    Returns:
        dict: Milliseconds per query, memory, and ``positions`` (queries, 10)
        of the most similar embeddings, fewer if there are fewer.
    """
    bank, queries, _ = setting.embeddings()
    normalise_rows(bank, out=bank)
    normalise_rows(queries, out=queries)
    size = bank.nbytes / 2**20
    topk = min(TOPK, len(bank))

    def search(query):
        scores = bank @ query[0]
        best = np.argpartition(-scores, topk - 1)[:topk]
        return best[np.argsort(-scores[best])]

    meter = Meter()
    with meter('product and argpartition'):
        found, query_ms = _one_by_one(search, queries)
    return dict(
        query_ms=query_ms,
        memory_mib=dict(embeddings=size, peak=max(meter.peaks.values())),
        positions=np.array(found))
