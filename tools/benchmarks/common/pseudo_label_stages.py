"""The pseudo-label stage and its references, measured; each in one process."""

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
import torch
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from mmreidmix.choices import APPROXIMATE_BACKENDS
from mmreidmix.neighbours import (
    expand_neighbours,
    k_reciprocal_encoding,
    knn,
    neighbour_recall,
    normalise_rows,
)
from mmreidmix.pseudo_labels import (
    dbscan,
    jaccard_graph,
    renumber,
    select_reliable,
)

from . import dense_jaccard
from .subprocess_meter import Meter, resident_mib, say
from .synthetic_features import CAMERAS, planted_features

K1, K2, MIN_SAMPLES = 30, 6, 4
TIGHT, EPS, LOOSE = ALL_EPS = (0.58, 0.60, 0.62)
STAGES = ('normalise', 'neighbours', 'encoding', 'jaccard', 'clustering',
          'reliability')
# Beyond this two similarities differ by more than float32 rounding.
ROUNDING = 2e-6


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Args:
        num (int): Images.
        dim (int): Dimensions.
        backend (str): Neighbour search.
        device (str): Where the search runs.
        threads (int): Of every library.
        seed (int): Of the features.
        options (dict): Of an approximate backend.
        expansion (int): Rounds of ``expand_neighbours`` after the search.
    """
    num: int
    dim: int
    backend: str
    device: str
    threads: int
    seed: int
    options: dict = field(default_factory=dict)
    expansion: int = 0

    def features(self):
        """Features, persons and cameras."""
        return planted_features(self.num, self.dim, self.seed)


def _prepare(setting):
    torch.set_num_threads(setting.threads)
    faiss.omp_set_num_threads(setting.threads)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format='%(message)s')


def run_stage(features, setting, meter):
    """The whole stage, as ``JaccardDBSCAN`` runs it, under a meter.

    Returns:
        dict: What it found: ``unit``, ``indices``, ``sims``, ``graph``,
        ``labels`` (by eps), ``reliable``.
    """
    threads = setting.threads
    with meter('normalise'):
        unit = torch.as_tensor(features, device=setting.device)
        unit = normalise_rows(unit, out=unit)
        if unit.is_cuda:
            torch.cuda.synchronize()
    with meter('neighbours'):
        indices, sims = knn(unit, max(K1, K2), backend=setting.backend,
                            threads=threads, options=setting.options)
        host = unit.cpu().numpy()
        indices, sims = expand_neighbours(
            host, indices, sims, rounds=setting.expansion, threads=threads)
    with meter('encoding'):
        encoding = k_reciprocal_encoding(
            indices, sims, host, K1, K2, threads=threads)
    with meter('jaccard'):
        graph = jaccard_graph(encoding, LOOSE, threads=threads)
    with meter('clustering'):
        labels = {eps: dbscan(graph, eps, MIN_SAMPLES) for eps in ALL_EPS}
    with meter('reliability'):
        reliable, _ = select_reliable(
            labels[EPS], labels[TIGHT], labels[LOOSE])
    return dict(unit=host, indices=indices, sims=sims, graph=graph,
                labels=labels, reliable=reliable)


def quality(labels, persons):
    """How well labels fit the planted persons.

    ``ari``: noise images count as clusters of one image each;
    ``ari_clustered``: noise images are left out.
    """
    noise = labels < 0
    alone = labels.copy()
    alone[noise] = len(labels) + np.arange(noise.sum())
    return dict(
        clusters=int(labels.max(initial=-1) + 1),
        noise_share=float(noise.mean()),
        ari=float(adjusted_rand_score(persons, alone)),
        ari_clustered=float(
            adjusted_rand_score(persons[~noise], labels[~noise])))


def warm_up(setting):
    """Run the stage on a few images, so that its kernels are compiled.

    Compiled kernels are kept on disk where that is possible. In a process of
    its own this keeps time and memory of the compiler out of the measurement.

    Returns:
        float: Seconds.
    """
    _prepare(setting)
    meter = Meter(tell=lambda text: None)
    run_stage(planted_features(1000, setting.dim, 0)[0], setting, meter)
    return sum(meter.seconds.values())


def measure_stage(setting, against_faiss=False, keep=None):
    """Measure the stage on planted features.

    Args:
        setting (Setting): What.
        against_faiss (bool): Search with plain faiss afterwards.
        keep (Path, optional): Folder for what :func:`measure_dense` needs.

    Returns:
        dict: Of numbers and text, for the report.
    """
    warm_up(setting)
    # What the package tells of a long search.
    logging.getLogger('mmreidmix').setLevel(logging.INFO)
    libraries = resident_mib()
    say(f'features of {setting.num:,} images, {setting.dim} dimensions')
    features, persons, _ = setting.features()
    start = resident_mib()
    if setting.device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    meter = Meter()
    found = run_stage(features, setting, meter)
    seconds, peak = meter.seconds, max(meter.peaks.values())
    size = features.nbytes / 2**20
    report = dict(
        persons=int(persons.max() + 1),
        cameras=CAMERAS,
        seconds=seconds,
        after_neighbours_seconds=sum(
            seconds[name] for name in STAGES[2:]),
        memory_mib=dict(
            features=size,
            libraries=libraries,
            start=start,
            peak=peak,
            peak_over_features=peak - size,
            peak_over_start=peak - start,
            stages=meter.peaks),
        partners_per_image=found['graph'].nnz / setting.num,
        labels={str(eps): quality(labels, persons)
                for eps, labels in found['labels'].items()},
        reliable=quality(found['reliable'], persons))
    if setting.device == 'cuda':
        report['memory_mib']['gpu_peak'] = (
            torch.cuda.max_memory_allocated() / 2**20)
    if setting.backend in APPROXIMATE_BACKENDS:
        report['recall'] = neighbour_recall(
            found['unit'], found['indices'], seed=setting.seed,
            threads=setting.threads)
    if against_faiss:
        report['faiss'] = compare_faiss(found, setting, seconds['neighbours'])
    if keep:
        np.save(keep / 'indices.npy', found['indices'])
        np.save(keep / 'labels.npy', list(found['labels'].values()))
        sparse.save_npz(keep / 'graph.npz', found['graph'], compressed=False)
    return report


def compare_faiss(found, setting, own_seconds):
    """Plain faiss on the same features with the same threads.

    Returns:
        dict: ``seconds``, ``speedup`` of the own search, share of rows with
        the same set of neighbours, and of the other rows the largest
        difference of similarity between what was exchanged.
    """
    unit, indices = found['unit'], found['indices']
    meter = Meter()
    with meter('faiss IndexFlatIP'):
        index = faiss.IndexFlatIP(unit.shape[1])
        index.add(unit)
        _, other = index.search(unit, indices.shape[1])
    # A duplicate may have pushed the image itself out of its own list.
    lost = ~(other == np.arange(len(other))[:, None]).any(axis=1)
    other[lost, -1] = np.flatnonzero(lost)
    differ = np.flatnonzero(
        (np.sort(indices, axis=1) != np.sort(other, axis=1)).any(axis=1))
    gaps = np.array([_gap(unit, i, indices[i], other[i]) for i in differ])
    seconds = meter.seconds['faiss IndexFlatIP']
    return dict(
        seconds=seconds,
        speedup=seconds / own_seconds,
        rows_different=len(differ),
        rows_different_beyond_rounding=int((gaps > ROUNDING).sum()),
        share_of_equal_rows=1 - len(differ) / len(indices),
        largest_gap=float(gaps.max(initial=0)))


def _gap(unit, image, own, other):
    """How much more similar the own choice is, by float64 products."""
    def similar(rows):
        return unit[rows].astype(np.float64) @ unit[image].astype(np.float64)

    return np.abs(similar(np.setdiff1d(own, other)).max() -
                  similar(np.setdiff1d(other, own)).min())


def measure_dense(setting, folder):
    """Measure the dense reference on the neighbours of the sparse code.

    Args:
        setting (Setting): What.
        folder (Path): Where :func:`measure_stage` kept its results.

    Returns:
        dict: Seconds, peak memory, and how the results compare.
    """
    _prepare(setting)
    indices = np.load(Path(folder) / 'indices.npy')
    unit = setting.features()[0]
    normalise_rows(unit, out=unit)
    meter = Meter()
    start = resident_mib()
    with meter('dense encoding'):
        weights = dense_jaccard.encoding(indices, unit, K1, K2)
    with meter('dense distances'):
        matrix = dense_jaccard.distances(weights)
    del weights
    with meter('dense clustering'):
        dense = [dense_jaccard.cluster(matrix, eps, MIN_SAMPLES,
                                       setting.threads) for eps in ALL_EPS]
    labels = np.load(Path(folder) / 'labels.npy')
    return dict(
        seconds={name.partition(' ')[2]: value
                 for name, value in meter.seconds.items()},
        memory_mib=dict(start=start, peak=max(meter.peaks.values())),
        adjusted_rand={
            str(eps): float(adjusted_rand_score(*pair))
            for eps, *pair in zip(ALL_EPS, dense, labels)},
        images_labelled_differently={
            str(eps): int((renumber(one) != other).sum())
            for eps, one, other in zip(ALL_EPS, dense, labels)},
        **compare_distances(
            matrix, sparse.load_npz(Path(folder) / 'graph.npz')))


def compare_distances(matrix, graph):
    """Compare every pair of a sparse graph with the dense matrix.

    Returns:
        dict: ``pairs`` compared, largest absolute difference, and how many
        pairs clearly within the radius the graph lacks.
    """
    largest, missing = 0.0, 0
    for i, row in enumerate(matrix):
        own = slice(graph.indptr[i], graph.indptr[i + 1])
        columns = graph.indices[own]
        difference = np.abs(row[columns] - graph.data[own])
        largest = max(largest, float(difference.max(initial=0)))
        near = row <= LOOSE - 1e-5
        near[columns] = near[i] = False
        missing += int(np.count_nonzero(near))
    return dict(pairs=int(graph.nnz) // 2, largest_difference=largest,
                missing_pairs=missing)
