"""Tests of mmreidmix.apis.gallery: images in, matches out."""

import threading

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from mmreidmix.apis import Gallery, GalleryError
from mmreidmix.apis.gallery import vectors
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.reranking import reranked_blocks
from tests.tiny_gallery import (
    DIM,
    content,
    embeddings,
    in_memory,
    naive,
    names,
    pairs,
)

QUERIES = embeddings(7, seed=99)


def test_what_is_added_is_there():
    gallery = Gallery(3, model='abc')
    ids = gallery.add(np.array([[0, 0, 2.], [3, 4, 0]]), ['a', 'b'],
                      camids=[5, -1], times=[np.nan, 7.5], tracklets=[0, -1])
    assert ids.tolist() == [0, 1] and ids.dtype == np.int64
    assert [tuple(e) for e in gallery.entries(ids)] == [
        (0, 'a', 5, None, 0), (1, 'b', None, 7.5, None)]
    np.testing.assert_array_equal(
        gallery.embeddings([1, 0]),
        np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32))
    assert len(gallery) == 2 and gallery.ids.tolist() == [0, 1]
    assert gallery.ids_of(['b', 'x']).tolist() == [1, -1]
    assert (gallery.dim, gallery.model, gallery.folder) == (3, 'abc', None)


@pytest.mark.parametrize('convert', [
    lambda x: torch.from_numpy(x).bfloat16(), lambda x: x.astype('f2'),
    lambda x: torch.from_numpy(x).requires_grad_(), lambda x: x * 1e30])
def test_any_float_type_and_length(convert):
    gallery = Gallery(DIM)
    gallery.add(convert(embeddings(5)), names(5))
    expected = embeddings(5) / np.linalg.norm(
        embeddings(5), axis=1, keepdims=True)
    np.testing.assert_allclose(
        gallery.embeddings(gallery.ids), expected, atol=5e-3)


def test_ids_are_never_used_again():
    gallery = in_memory(4)
    gallery.remove([3, 1])
    assert gallery.ids.tolist() == [0, 2]
    gallery.compact()
    assert gallery.add(embeddings(1), ['new']).tolist() == [4]
    assert gallery.add(embeddings(1), names(1, 3)).tolist() == [5]
    with pytest.raises(ValueError, match=r'2 ids are not in .*: 3, 1\b'):
        gallery.entries([0, 3, 1])


def test_unknown_ids_are_named_and_nothing_is_removed():
    gallery = in_memory(4)
    with pytest.raises(ValueError, match='1 ids are not in the gallery: 9'):
        gallery.remove([0, 9])
    assert len(gallery) == 4
    gallery.remove([])
    gallery.remove(np.array([2, 2]))
    assert gallery.ids.tolist() == [0, 1, 3]


def test_known_names(log):
    gallery = in_memory(4)
    before = content(gallery)
    with pytest.raises(ValueError, match=r"2 of 3 names .*'cam/0002.jpg'.*"
                                         'skip_known'):
        gallery.add(embeddings(3), names(3, 2))
    assert content(gallery) == before
    ids = gallery.add(embeddings(3), names(3, 2), skip_known=True)
    assert ids.tolist() == [2, 3, 4]
    assert '2 of 3 images are in the gallery already' in log.text
    assert gallery.add(embeddings(5), names(5), skip_known=True).tolist() == [
        0, 1, 2, 3, 4]
    assert content(gallery)[:4] == before


def nan_at(row, value=np.nan):
    array = embeddings(4)
    array[row] = value
    return array


@pytest.mark.parametrize('arguments, message', [
    ((embeddings(4, dim=9), 'abcd'), '9 dimensions for a gallery of 8'),
    ((embeddings(4)[0], 'a'), r'floats of shape \(n, 8\)'),
    ((np.ones((4, DIM), int), 'abcd'), 'floats of shape'),
    ((nan_at(2), 'abcd'), r"1 embeddings hold NaN.*row 2 \('c'\)"),
    ((nan_at(1, np.inf), 'abcd'), r"NaN or infinity.*row 1 \('b'\)"),
    ((nan_at(slice(2, 4), 0), 'abcd'), r"2 embeddings are zero.*\('c'\)"),
    ((embeddings(4), 'abc'), '3 names for 4 embeddings'),
    ((embeddings(4), 'abca'), "'a' is given more than once"),
    ((embeddings(4), 'abcd', [0, 1, 2]), 'camids must be 4 integers'),
    ((embeddings(4), 'abcd', [0, 1, 2, -2]), 'camids must be -1 .* or more'),
    ((embeddings(4), 'abcd', [0, 1, 2, .5]), 'camids must be 4 integers'),
    ((embeddings(4), 'abcd', None, ['x'] * 4), 'times must be 4 numbers'),
    ((embeddings(4), 'abcd', None, [np.inf] * 4), 'times must be finite'),
    ((embeddings(4), 'abcd', None, None, [1, 2, 3]), 'tracklets must be 4'),
])
def test_bad_images_are_named_and_none_is_added(arguments, message):
    gallery = Gallery(DIM)
    array, texts, *others = arguments
    with pytest.raises(ValueError, match=message):
        gallery.add(array, list(texts), *others)
    with pytest.raises(ValueError, match='sequence of texts'):
        gallery.add(embeddings(4), 'abcd')
    assert len(gallery) == 0
    assert gallery.add(embeddings(1), ['a']).tolist() == [0]


def test_another_model_is_refused():
    gallery = Gallery(DIM, model='abc')
    with pytest.raises(GalleryError, match='of the model abc, not of xyz'):
        gallery.add(embeddings(1), ['a'], model='xyz')
    gallery.add(embeddings(1), ['a'], model='abc')
    Gallery(DIM).add(embeddings(1), ['a'], model='xyz')


@pytest.mark.parametrize('dim', [0, -1])
def test_a_gallery_needs_dimensions(dim):
    with pytest.raises(ValueError, match='dim must be an integer of at'):
        Gallery(dim)


@pytest.mark.parametrize('block', [1, 3, 16, 1000])
def test_search_is_the_naive_one(monkeypatch, block):
    monkeypatch.setattr(vectors, 'BLOCK', block)
    gallery = in_memory(50)
    gallery.remove([0, 7, 49])
    for topk in (1, 5, 47, 60):
        assert pairs(gallery.search(QUERIES, topk)) == naive(
            gallery, QUERIES, topk)
    gallery.compact()
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)


def test_equal_scores_are_in_the_order_of_the_ids(monkeypatch):
    monkeypatch.setattr(vectors, 'BLOCK', 8)
    gallery = Gallery(DIM)
    some = np.repeat(embeddings(3), 40, 0)[
        np.random.default_rng(0).permutation(120)]
    gallery.add(some, names(120))
    queries = embeddings(3)
    found = gallery.search(queries, 50)
    assert pairs(found) == naive(gallery, queries, 50)
    assert len({match.score for match in found[0][:40]}) == 1


def test_one_query_scores_as_among_many():
    gallery = in_memory(300)
    together = gallery.search(embeddings(300, 5))
    assert together[17:18] == gallery.search(embeddings(300, 5)[17:18])


@pytest.mark.parametrize('filters, keep', [
    (dict(camids=[1, 3]), lambda e: e.camid in (1, 3)),
    (dict(camids=[-1, 2]), lambda e: e.camid == 2),
    (dict(exclude_camids=[0, -1]), lambda e: e.camid != 0),
    (dict(times=(10, 30)), lambda e: 10 <= e.time < 30),
    (dict(times=(None, 5)), lambda e: e.time < 5),
    (dict(times=(41.5, None)), lambda e: e.time >= 42),
    (dict(camids=[2], times=(0, 25)),
     lambda e: e.camid == 2 and e.time < 25),
    (dict(camids=[0], exclude_camids=[0]), lambda e: False),
    (dict(camids=[]), lambda e: False),
])
def test_filters_are_exact(filters, keep):
    gallery = in_memory(50)
    gallery.remove([4, 11, 12])
    for topk in (3, 50):
        assert pairs(gallery.search(QUERIES, topk, **filters)) == naive(
            gallery, QUERIES, topk, keep)


def test_images_of_unknown_time_pass_no_interval():
    gallery = Gallery(DIM)
    gallery.add(embeddings(2), ['a', 'b'], times=[np.nan, 1])
    found, = gallery.search(QUERIES[:1], times=(None, None))
    assert [match.name for match in found] == ['b']


@pytest.mark.parametrize('options, message', [
    (dict(topk=0), 'topk must be an integer of at least 1'),
    (dict(topk=2.5), 'topk must be an integer of at least 1'),
    (dict(camids=2), 'camids must be a sequence of integers'),
    (dict(times=3), r'times must be \(begin, end\)'),
    (dict(times=(2, 2)), 'is not before the end'),
    (dict(times=(0, np.nan)), 'is not before the end'),
    (dict(rerank=dict(k3=1)), "'k3'.* unknown"),
    (dict(rerank=True), 'rerank must be a dict of options'),
    (dict(rerank=dict(candidates=0)), 'candidates must be an integer of'),
    (dict(rerank=dict(lambda_value=2)), 'lambda_value must be in'),
])
def test_bad_searches(options, message):
    with pytest.raises(ValueError, match=message):
        in_memory(20).search(QUERIES, **options)


def test_bad_queries():
    gallery = in_memory(20)
    with pytest.raises(ValueError, match='4 dimensions for a gallery of 8'):
        gallery.search(QUERIES[:, :4])
    with pytest.raises(ValueError, match='NaN or infinity: .* row 2'):
        gallery.search(nan_at(2))
    assert gallery.search(QUERIES[:0]) == []


def test_an_empty_gallery_says_so():
    gallery = in_memory(1)
    gallery.remove([0])
    for empty in (Gallery(DIM), gallery):
        with pytest.raises(GalleryError, match='the gallery is empty'):
            empty.search(QUERIES)


def test_reranking_is_that_of_the_candidates():
    gallery = in_memory(200)
    plain = gallery.search(QUERIES, 40)
    found = gallery.search(QUERIES, 12, rerank=dict(candidates=40, k1=9, k2=3))
    for query, line, own in zip(QUERIES, plain, found):
        vectors_of = gallery.embeddings([match.id for match in line])
        labels = np.zeros(40, int)
        images = QueryGallery.from_arrays(
            query[None].astype('f4'), vectors_of, labels[:1], labels,
            labels[:1], labels, cross_camera=False)
        (_, scores), = reranked_blocks(images, k1=9, k2=3)
        order = np.argsort(-scores[0].numpy(), kind='stable')[:12]
        assert own == [line[i] for i in order]
    assert found != [line[:12] for line in plain]


def test_reranking_tells_cameras_apart():
    cameras = np.arange(60) % 4 - 1  # a quarter is of no known camera
    gallery = Gallery(DIM)
    gallery.add(embeddings(60), names(60), camids=cameras)
    options = dict(k1=9, k2=3, k1_intra=4)
    line, = gallery.search(QUERIES[:1], 60)
    own, = gallery.search(
        QUERIES[:1], 12, rerank=dict(options, candidates=60))
    found = np.array([match.id for match in line])
    cameras = np.where(cameras < 0, 100 + np.arange(60), cameras)[found]
    labels = np.zeros(60, int)
    images = QueryGallery.from_arrays(
        QUERIES[:1].astype('f4'), gallery.embeddings(found), labels[:1],
        labels, labels[:1] + 99, cameras, cross_camera=False)
    (_, scores), = reranked_blocks(images, **options)
    order = np.argsort(-scores[0].numpy(), kind='stable')[:12]
    assert own == [line[i] for i in order]


@pytest.mark.parametrize('rerank', [{}, dict(k1_intra=5)])
@pytest.mark.parametrize('num, copies', [(1, 1), (2, 1), (15, 1), (1, 8)])
def test_reranking_of_few_or_equal_images(num, copies, rerank):
    gallery = Gallery(DIM)
    gallery.add(np.repeat(embeddings(num), copies, 0), names(num * copies))
    found, = gallery.search(embeddings(1), rerank=rerank, topk=20)
    assert sorted(m.id for m in found) == list(range(num * copies))
    assert gallery.search(embeddings(1), camids=[3], rerank=rerank) == [[]]


def naive_tracklets(gallery, query, keep=lambda entry: True):
    """Score, id and tracklet of each pooled tracklet, best first."""
    groups = {}
    for entry in gallery.entries(gallery.ids):
        if keep(entry):
            key = entry.tracklet if entry.tracklet is not None else (
                'image', entry.id)
            groups.setdefault(key, []).append(entry.id)
    found = []
    for ids in groups.values():
        rows = gallery.embeddings(ids).astype(np.float64)
        mean = rows.mean(0) / np.linalg.norm(rows.mean(0))
        query = query / np.linalg.norm(query)
        best = ids[int(np.argmax(rows @ query))]
        found.append((-float(mean @ query), best))
    return [(id_, -score) for score, id_ in sorted(found)]


@pytest.mark.parametrize('filters, keep', [
    ({}, lambda e: True),
    (dict(camids=[0, 1]), lambda e: e.camid in (0, 1)),
    (dict(times=(20, 60)), lambda e: 20 <= e.time < 60),
    (dict(times=(7, 8)), lambda e: e.time == 7),
    (dict(camids=[]), lambda e: False),
])
@pytest.mark.parametrize('chunk', [1, 5, 1 << 14])
def test_tracklets_are_the_means_of_their_images(
        monkeypatch, filters, keep, chunk):
    from mmreidmix.apis.gallery import tracklets
    monkeypatch.setattr(tracklets, '_ROWS', chunk)
    gallery = in_memory(90)
    for removed in ([], [0, 5, 33]):
        gallery.remove(removed)
        for query, found in zip(QUERIES, gallery.search(
                QUERIES, 90, by_tracklet=True, **filters)):
            expected = naive_tracklets(gallery, query, keep)
            assert [match.id for match in found] == [i for i, _ in expected]
            np.testing.assert_allclose([match.score for match in found],
                                       [s for _, s in expected], atol=1e-6)


def test_tracklets_are_reranked_by_their_means():
    gallery = in_memory(90)
    found, = gallery.search(QUERIES[:1], 90, by_tracklet=True,
                            rerank=dict(k1=4, k2=2))
    plain, = gallery.search(QUERIES[:1], 90, by_tracklet=True)
    assert sorted(found) == sorted(plain) and found != plain


def test_tracklets_of_opposite_images_do_no_harm():
    gallery = Gallery(DIM)
    gallery.add(np.stack([np.eye(DIM)[0], -np.eye(DIM)[0]]), ['a', 'b'],
                tracklets=[0, 0])
    match, = gallery.search(QUERIES[:1], by_tracklet=True)[0]
    assert match.score == 0


OPERATIONS = st.lists(st.one_of(
    st.tuples(st.just('add'), st.integers(0, 9)),
    st.tuples(st.just('remove'), st.integers(0, 30)),
    st.tuples(st.just('compact'), st.just(0)),
    st.tuples(st.just('reopen'), st.just(0))), max_size=12)


@settings(max_examples=60)
@given(OPERATIONS)
def test_any_history_leaves_what_a_plain_dictionary_holds(
        tmp_path_factory, operations):
    folder = tmp_path_factory.mktemp('gallery') / 'new'
    gallery, expected, used = Gallery.create(folder, DIM), {}, 0
    for step, (name, number) in enumerate(operations):
        if name == 'add':
            rows = embeddings(number, seed=step).astype('f4')
            ids = gallery.add(rows, names(number, first=100 * step))
            assert ids.tolist() == list(range(used, used + number))
            used += number
            expected.update(zip(ids.tolist(), rows))
        elif name == 'remove':
            gone = sorted(expected)[::number + 1]
            gallery.remove(gone)
            for id_ in gone:
                del expected[id_]
        elif name == 'compact':
            gallery.compact()
        else:
            gallery.close()
            gallery = Gallery.open(folder)
    assert gallery.ids.tolist() == sorted(expected)
    for id_, row in expected.items():
        np.testing.assert_allclose(gallery.embeddings([id_])[0],
                                   row / np.linalg.norm(row), atol=1e-6)
    if expected:
        assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    gallery.close()


def test_threads_see_whole_changes():
    gallery = in_memory(40)
    errors, over = [], threading.Event()

    def search():
        try:
            while not over.is_set():
                for line in gallery.search(QUERIES, 500):
                    # ten at a time are added
                    assert len(line) % 10 == 0
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(20):
        ids = gallery.add(embeddings(10, step), names(10, 100 + 10 * step))
        if step % 3 == 0:
            gallery.remove(ids)
    over.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(gallery) == 40 + 10 * 13


def test_find():
    gallery = Gallery(2)
    gallery.add(np.ones((5, 2)), ['1/a', '1/b', '12/a', 'a[1]', 'aa'],
                camids=[1, 1, 2, -1, 2], times=[0, 1, 2, 3, np.nan],
                tracklets=[0, 0, 1, -1, -1])
    gallery.remove([1])
    for options, ids in (
            ({}, [0, 2, 3, 4]), (dict(names=['1']), [0]),
            (dict(names=['1/']), [0]), (dict(names=[]), []),
            (dict(names=['1/b', 'x']), []), (dict(names=['a[1]']), [3]),
            (dict(names=['*a', '1/a']), [0, 2, 4]),
            (dict(names=['a?']), [4]), (dict(tracklets=[0, 1]), [0, 2]),
            (dict(tracklets=[-1]), []), (dict(camids=[2]), [2, 4]),
            (dict(exclude_camids=[2]), [0, 3]),
            (dict(times=(None, 3)), [0, 2]),
            (dict(names=['*a'], camids=[2], times=(2, None)), [2])):
        assert gallery.find(**options).tolist() == ids, options
    with pytest.raises(ValueError, match="sequence of texts, got 'a'"):
        gallery.find('a')
    with pytest.raises(ValueError, match='tracklets must be a sequence'):
        gallery.find(tracklets=['a'])


def test_a_search_in_tracklets():
    gallery = in_memory(40)
    found, = gallery.search(QUERIES[:1], 40, tracklets=[2, 4])
    assert [(match.id, np.float32(match.score)) for match in found] == naive(
        gallery, QUERIES[:1], 40, lambda entry: entry.tracklet in (2, 4))[0]
    assert found
