import logging
import re

import faiss
import numpy as np
import pytest

from mmreidmix.neighbours import knn
from mmreidmix.neighbours.knn_search import neighbour_recall
from tests.oracles import blobs, unit

FEATURES = unit(blobs(3000, dim=16)[0])
EVERYTHING = [('ivf', {'nlist': 9, 'nprobe': 9}),
              ('hnsw', {'breadth': 3000, 'build': 200})]


@pytest.mark.parametrize('backend, options', EVERYTHING)
def test_search_of_everything_is_exact(backend, options):
    features = FEATURES[:600]
    expected = knn(features, 10)
    result = knn(features, 10, backend=backend, options=options)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


@pytest.mark.parametrize('backend', ['ivf', 'hnsw'])
def test_lists_are_full_sorted_exact_and_repeatable(backend):
    indices, sims = knn(FEATURES, 12, backend=backend, threads=2)
    assert indices.dtype == np.int32 and sims.dtype == np.float32
    np.testing.assert_array_equal(indices[:, 0], np.arange(3000))
    assert all(len(set(row)) == 12 for row in indices)
    exact = np.einsum('id,ikd->ik', FEATURES.astype(np.float64),
                      FEATURES[indices].astype(np.float64))
    np.testing.assert_array_equal(sims, exact.astype(np.float32))
    order = np.lexsort((indices[:, 1:], -sims[:, 1:]), axis=1)
    assert (order == np.arange(11)).all()
    for threads, block in ((1, None), (2, 300)):
        again = knn(FEATURES, 12, backend=backend, threads=threads,
                    block=block)
        np.testing.assert_array_equal(again[0], indices)
    assert neighbour_recall(FEATURES, indices) > 0.9


@pytest.mark.parametrize('kind', [np.float32, np.float16])
@pytest.mark.parametrize('backend', ['torch', 'faiss', 'ivf', 'hnsw'])
def test_order_in_memory_changes_nothing(backend, kind):
    features = FEATURES[:400].astype(kind)
    forms = (np.asfortranarray(features), np.repeat(features, 2, axis=0)[::2],
             np.concatenate([features, features], axis=1)[:, :16],
             features[::-1].copy()[::-1])
    expected = knn(features, 10, backend=backend)
    for form in forms:
        found = knn(form, 10, backend=backend)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize('backend', ['ivf', 'hnsw'])
def test_float16_map_and_faiss_threads(backend, tmp_path):
    FEATURES.astype(np.float16).tofile(tmp_path / 'features')
    features = np.memmap(tmp_path / 'features', np.float16, 'r',
                         shape=FEATURES.shape)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        indices, _ = knn(features, 6, backend=backend, threads=1)
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
    assert neighbour_recall(features, indices, sample=300) > 0.9


@pytest.mark.parametrize('backend, options', [
    ('ivf', {'nlist': 16, 'nprobe': 3}), ('hnsw', {'breadth': 8})])
def test_ranges_of_rows_make_up_the_whole(backend, options):
    whole, _ = knn(FEATURES, 6, backend=backend, options=options)
    parts = [knn(FEATURES, 6, backend=backend, options=options, rows=part)[0]
             for part in ((0, 700), (700, 3000))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_short_lists_are_filled_by_comparing_all(caplog):
    features = FEATURES[:1000]
    with caplog.at_level(logging.INFO):
        indices, _ = knn(features, 40, backend='ivf',
                         options={'nlist': 25, 'nprobe': 1})
    expected, _ = knn(features, 40)
    assert all(len(set(row)) == 40 for row in indices)
    short = re.search(r'images for (\d+) rows', caplog.text)
    complete = (indices == expected).all(axis=1)
    assert 100 < int(short[1]) <= complete.sum() < 1000


def test_recall():
    features = FEATURES[:200]
    indices, _ = knn(features, 5)
    assert neighbour_recall(features, indices) == 1
    half = indices.copy()
    half[:, 1:3] = -1
    assert neighbour_recall(features, half) == 0.5
    assert neighbour_recall(features, half[:, :1]) == 1
    half[::2] = indices[::2]
    assert 0.5 < neighbour_recall(features, half, sample=50, seed=1) < 1
    with pytest.raises(ValueError, match='200 lists for 199 images'):
        neighbour_recall(features[:199], indices)


@pytest.mark.parametrize('backend', ['ivf', 'hnsw'])
@pytest.mark.parametrize('num', [1, 3, 40])
def test_few_images(backend, num):
    features = FEATURES[:num]
    np.testing.assert_array_equal(
        knn(features, 5, backend=backend)[0], knn(features, 5)[0])


@pytest.mark.parametrize('backend, options, message', [
    ('ivf', {'links': 3}, r"\['links'\] unknown; backend 'ivf' takes"),
    ('ivf', {'nlist': 0}, 'ivf: nlist must be at least 1, got 0'),
    ('ivf', {'nlist': 31}, 'nlist=31: expected 1 to 30'),
    ('hnsw', {'breadth': 0}, 'hnsw: breadth must be at least 1, got 0')])
def test_refuses_options(backend, options, message):
    with pytest.raises(ValueError, match=message):
        knn(FEATURES[:30], 5, backend=backend, options=options)
