"""Ranking and re-ranking and their references, measured in own processes."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Optional

import numpy as np
import torch

from mmreidmix.evaluation import rank
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.rank_counting import RankCounter
from mmreidmix.evaluation.functional.reranking import reranked_blocks
from mmreidmix.neighbours.matmul import multiply

from . import dense_reranking
from .subprocess_meter import Meter, resident_mib
from .synthetic_features import LATENT, planted_features

# The bound that re-ranked distances must agree within, but for the share
# whose lists differ because float32 decides a near tie either way.
CLOSE = 1e-5
NEAR_TIES = 2e-5


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Args:
        queries (int): Query images.
        gallery (int): Gallery images.
        dim (int): Dimensions.
        threads (int): Of every library.
        seed (int): Of the features.
        repeats (int): Medians over so many count.
        latent (int): Dimensions that the features use.
        k1_intra (int, optional): Re-ranking tells cameras apart.
    """
    queries: int
    gallery: int
    dim: int
    threads: int
    seed: int
    repeats: int = 3
    latent: int = LATENT
    k1_intra: Optional[int] = None

    def columns(self):
        """Arrays of a QueryGallery; features are views of one array."""
        torch.set_num_threads(self.threads)
        features, pids, cameras = planted_features(
            self.queries + self.gallery, self.dim, self.seed, self.latent)
        size = self.queries
        return [part for column in (torch.from_numpy(features), pids, cameras)
                for part in (column[:size], column[size:])]


def _warm_up(**options):
    columns = Setting(30, 900, 16, torch.get_num_threads(), 0).columns()
    rank(QueryGallery.from_arrays(*columns), **options)


def _products(images):
    for rows in images.blocks():
        images.query[rows] @ images.gallery.T


def _tiled_products(images):
    out = torch.empty(images.rows_per_block, len(images.gallery))
    for rows in images.blocks():
        query = images.query[rows]
        multiply(query, images.gallery, out=out[:len(query)])


def _counting_seconds(images):
    """Seconds of the counting alone: not those of its blocks."""
    spent = 0.0

    def blocks():
        nonlocal spent
        source = images.score_blocks()
        while True:
            begin = time.perf_counter()
            block = next(source, None)
            spent += time.perf_counter() - begin
            if block is None:
                return
            yield block

    begin = time.perf_counter()
    RankCounter(images).run(blocks())
    return time.perf_counter() - begin - spent


def measure_rank(setting):
    """Products alone, counting alone and :func:`rank`, in turns.

    Returns:
        dict: medians of the seconds, memory, summary, and per query ``ap``
        and ``first``.
    """
    columns = setting.columns()
    _warm_up()
    start, size = resident_mib(), sum(c.nbytes for c in columns[:2]) / 2**20
    images = QueryGallery.from_arrays(*columns)
    runs = {'products': [], 'tiled products': [], 'counting': [], 'rank': []}
    meter = Meter()
    for _ in range(setting.repeats):
        with meter('products'):
            _products(images)
        with meter('tiled products'):
            _tiled_products(images)
        with meter('rank'):
            result = rank(QueryGallery.from_arrays(*columns))
        for name, value in meter.seconds.items():
            runs[name].append(value)
        runs['counting'].append(_counting_seconds(images))
    seconds = {name: median(values) for name, values in runs.items()}
    return dict(
        seconds=seconds,
        runs=runs,
        rank_over_products=seconds['rank'] / seconds['products'],
        rank_over_tiled_products=seconds['rank'] / seconds['tiled products'],
        memory_mib=dict(
            features=size, start=start, peak=meter.peaks['rank'],
            peak_over_features=meter.peaks['rank'] - size),
        block=images.rows_per_block,
        summary=result.summary(),
        ap=result.ap,
        first=result.first_match_rank)


def sorted_scores(scores, q_pids, g_pids, q_camids, g_camids):
    """AP and first match of every query from whole sorted lists."""
    ap = np.full(len(scores), np.nan)
    first = np.full(len(scores), -1)
    indices = np.argsort(-scores, axis=1, kind='stable')
    matches = g_pids[indices] == q_pids[:, None]
    for i, order in enumerate(indices):
        kept = ~((g_pids[order] == q_pids[i]) &
                 (g_camids[order] == q_camids[i]))
        hits = matches[i][kept]
        if hits.any():
            precision = hits.cumsum() / np.arange(1, len(hits) + 1)
            ap[i] = precision[hits].mean()
            first[i] = hits.argmax()
    return ap, first


def measure_sort(setting, ap, first):
    """The usual way: all scores, sorted whole; compared with the counting.

    Raises:
        AssertionError: the results differ.
    """
    columns = setting.columns()
    meter = Meter()
    with meter('sort'):
        images = QueryGallery.from_arrays(*columns)
        scores = np.empty((setting.queries, setting.gallery), np.float32)
        for rows, block in images.score_blocks():
            scores[rows] = block.numpy()
        other_ap, other_first = sorted_scores(scores, *columns[2:])
    assert np.array_equal(first, other_first), 'other first matches'
    difference = float(np.nanmax(np.abs(ap - other_ap)))
    assert difference < 1e-9 and (np.isnan(ap) == np.isnan(other_ap)).all()
    return dict(seconds=meter.seconds['sort'],
                peak_mib=meter.peaks['sort'],
                largest_difference_of_ap=difference)


def measure_rerank(setting):
    """Re-ranking from features to scores, in sparse form.

    Returns:
        dict: medians of the seconds, memory, mAP, and per query ``ap`` and
        ``first``.
    """
    columns = setting.columns()
    _warm_up(rerank=dict(k1_intra=setting.k1_intra))
    start, size = resident_mib(), sum(c.nbytes for c in columns[:2]) / 2**20
    images = QueryGallery.from_arrays(*columns)
    meter, runs = Meter(), []
    for _ in range(setting.repeats):
        with meter('neighbours and encodings'):
            blocks = reranked_blocks(images, k1_intra=setting.k1_intra)
        with meter('distances and counting'):
            found = RankCounter(images).run(blocks)
        del blocks  # and with them the products they keep
        runs.append(dict(meter.seconds, all=sum(meter.seconds.values())))
    peak = max(meter.peaks.values())
    return dict(
        seconds={name: median(run[name] for run in runs) for name in runs[0]},
        runs=runs,
        memory_mib=dict(features=size, start=start, peak=peak,
                        peak_over_features=peak - size),
        mAP=float(np.nanmean(found.ap)),
        ap=found.ap,
        first=found.first)


def measure_dense(setting, ap, first):
    """Re-ranking as N x N matrices, and how the results compare.

    Raises:
        AssertionError: more than the share ``NEAR_TIES`` of the distances
            differ by more than ``CLOSE``.
    """
    columns = setting.columns()
    images = QueryGallery.from_arrays(*columns)
    meter = Meter()
    with meter('distances'):
        unit = torch.nn.functional.normalize(torch.cat(columns[:2]), dim=1)
        distances = dense_reranking.squared_distances(unit)
    with meter('re-ranking'):
        final = dense_reranking.rerank(
            distances, setting.queries,
            cameras=None if setting.k1_intra is None else np.concatenate(
                columns[4:]),
            k1_intra=setting.k1_intra)
    del distances, unit
    largest, differing = 0.0, 0
    for rows, block in reranked_blocks(images, k1_intra=setting.k1_intra):
        off = np.abs(final[rows] + block.numpy())
        largest = max(largest, float(off.max()))
        differing += int((off > CLOSE).sum())
    assert differing <= NEAR_TIES * final.size, (
        f'{differing} of {final.size} distances differ, by up to {largest}')
    final = torch.from_numpy(-final)
    other = RankCounter(images).run(
        (rows, final[rows]) for rows in images.blocks())
    return dict(
        seconds=dict(meter.seconds, all=sum(meter.seconds.values())),
        peak_mib=max(meter.peaks.values()),
        largest_difference=largest,
        differing=differing,
        mAP=float(np.nanmean(other.ap)),
        largest_difference_of_ap=float(np.nanmax(np.abs(ap - other.ap))),
        share_of_equal_first_matches=float((first == other.first).mean()))
