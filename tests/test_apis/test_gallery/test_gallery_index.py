"""Tests of the approximate indexes of mmreidmix.apis.gallery."""

import json
import logging

import faiss
import numpy as np
import pytest

from mmreidmix.apis import Gallery, GalleryError
from mmreidmix.apis.gallery import index, search
from tests.tiny_gallery import (
    DIM,
    embeddings,
    in_memory,
    naive,
    names,
    pairs,
)

QUERIES = embeddings(9, seed=99)
KINDS = ('ivf', 'hnsw')
# One list of eight, a graph of hardly any links: much is missed.
POOR = dict(ivf=dict(nlist=8, nprobe=1),
            hnsw=dict(links=2, build=4, breadth=1))
# Everything is gone through.
THOROUGH = dict(ivf=dict(nlist=8, nprobe=8), hnsw=dict(breadth=500))


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Use the index of small galleries too."""
    monkeypatch.setattr(search, 'EXACT_LIMIT', 0)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def indexed(kind, num=400, **options):
    gallery = in_memory(num)
    gallery.build_index(kind, **options)
    return gallery


def test_the_index_is_used(kind):
    gallery = indexed(kind, 2000, **POOR[kind])
    found = pairs(gallery.search(QUERIES, 5))
    exact = naive(gallery, QUERIES, 5)
    assert found != exact
    for own, all_ in zip(found, naive(gallery, QUERIES, 2000)):
        assert set(own) <= set(all_)  # the scores are those of the embeddings
        assert own == sorted(own, key=lambda pair: (-pair[1], pair[0]))
    gallery.build_index('exact')
    assert pairs(gallery.search(QUERIES, 5)) == exact


def test_a_thorough_search_is_the_exact_one(kind):
    gallery = indexed(kind, **THOROUGH[kind])
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    assert gallery.recall() == 1
    together = gallery.search(QUERIES)
    assert [gallery.search(QUERIES[i:i + 1])[0] for i in range(9)] == together


def test_rows_added_after_the_build_are_found(kind):
    gallery = indexed(kind, **THOROUGH[kind])
    gallery.add(embeddings(50, 5), names(50, 1000))
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    found = gallery.search(embeddings(50, 5), 1)
    assert [line[0].name for line in found] == names(50, 1000)


@pytest.mark.parametrize('options', [POOR, THOROUGH])
def test_removed_rows_never_come_back(kind, options):
    gallery = indexed(kind, **options[kind])
    for _ in range(3):
        best = {m.id for line in gallery.search(QUERIES) for m in line}
        gallery.remove(sorted(best))
        found = {m.id for line in gallery.search(QUERIES) for m in line}
        assert found and not found & best
    gallery.compact()
    assert not {m.id for line in gallery.search(QUERIES) for m in line} & best


@pytest.mark.parametrize('filters, keep', [
    (dict(camids=[1]), lambda e: e.camid == 1),
    (dict(exclude_camids=[1, 2]), lambda e: e.camid not in (1, 2)),
    (dict(times=(50, 57)), lambda e: 50 <= e.time < 57),
    (dict(times=(None, 390)), lambda e: e.time < 390),
    (dict(camids=[]), lambda e: False),
])
def test_filters_are_exact_and_lists_full(kind, filters, keep):
    for options in (POOR, THOROUGH):
        gallery = indexed(kind, **options[kind])
        gallery.remove([3, 52, 200])
        for topk in (5, 150):
            found = gallery.search(QUERIES, topk, **filters)
            exact = naive(gallery, QUERIES, topk, keep)
            assert list(map(len, found)) == list(map(len, exact))
            assert all(keep(m) for line in found for m in line)
            if options is THOROUGH:
                assert pairs(found) == exact


def test_lists_are_full_even_if_the_index_finds_less(kind):
    gallery = indexed(kind, **POOR[kind])
    assert pairs(gallery.search(QUERIES, 400)) == naive(
        gallery, QUERIES, 400)


def test_tracklets_and_reranking_with_an_index(kind):
    gallery = indexed(kind, **THOROUGH[kind])
    options = [dict(by_tracklet=True), dict(rerank=dict(candidates=30)),
               dict(by_tracklet=True, rerank={}, exclude_camids=[0])]
    found = [gallery.search(QUERIES, **each) for each in options]
    gallery.build_index('exact')
    assert [gallery.search(QUERIES, **each) for each in options] == found


def test_recall_is_measured_against_an_exact_search(kind, monkeypatch):
    gallery = indexed(kind, 2000, **POOR[kind])
    recall = gallery.recall(topk=5, sample=50, seed=1)
    assert 0.05 < recall < 0.95
    assert gallery.recall(topk=5, sample=50, seed=1) == recall
    drawn = np.random.default_rng(1).permutation(2000)[:50]
    rows = gallery.embeddings(drawn)
    hits = 0
    for row, image, line in zip(rows, drawn, gallery.search(rows, 6)):
        own = {m.id for m in line} - {image}
        true = [i for i, _ in naive(gallery, row[None], 6)[0] if i != image]
        hits += len(own & set(true))
    assert recall == pytest.approx(hits / (50 * 5))
    gallery.tune_index(**{index.SEARCH_OPTIONS[kind]: 2000})
    assert gallery.recall(topk=5, sample=50, seed=1) > recall


def test_recall_needs_two_images():
    with pytest.raises(GalleryError, match='at least two'):
        in_memory(1).recall()
    assert in_memory(2).recall() == 1
    for name in ('topk', 'sample'):
        with pytest.raises(ValueError, match=f'{name} must be an integer of'):
            in_memory(2).recall(**{name: 0})


def test_options_of_numpy_and_no_queries(kind, tmp_path):
    gallery = indexed(kind, **{index.SEARCH_OPTIONS[kind]: np.int64(9)})
    gallery.save(tmp_path)
    assert gallery.search(QUERIES[:0]) == []


def test_fewer_images_than_lists_are_left():
    gallery = indexed('ivf', 50, nlist=40, nprobe=40)
    gallery.remove(gallery.ids[:30])
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    gallery.compact()
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)


def test_a_compaction_whose_index_fails_leaves_no_stale_index(
        kind, monkeypatch):
    """As when memory is short: the rows have other positions already."""
    gallery = indexed(kind, **THOROUGH[kind])
    gallery.remove(gallery.ids[::2])
    monkeypatch.setattr(index.GalleryIndex, 'build', lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        gallery.compact()
    monkeypatch.undo()
    monkeypatch.setattr(search, 'EXACT_LIMIT', 0)
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)


@pytest.mark.parametrize('arguments, message', [
    (('tree', {}), "index must be one of .*got 'tree'"),
    (('exact', dict(nprobe=3)), r"\['nprobe'\] unknown"),
    (('ivf', dict(links=3)), r"\['links'\] unknown: index 'ivf' takes"),
    (('ivf', dict(nlist=0)), 'nlist must be an integer of at least 1'),
    (('hnsw', dict(build=2.5)), 'build must be an integer'),
    (('ivf', dict(nlist=99)), 'nlist=99: there are only 20 images'),
])
def test_bad_indexes(arguments, message):
    gallery = in_memory(20)
    with pytest.raises(ValueError, match=message):
        gallery.build_index(arguments[0], **arguments[1])
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)


def test_bad_tuning(kind):
    gallery = in_memory(20)
    with pytest.raises(ValueError, match="'exact': tune_index takes nothing"):
        gallery.tune_index(nprobe=3)
    gallery.build_index(kind)
    for options in ({}, dict(nlist=3), dict(nprobe=3, breadth=3)):
        with pytest.raises(ValueError, match='tune_index takes'):
            gallery.tune_index(**options)


def test_no_index_of_nothing(kind):
    with pytest.raises(GalleryError, match='is empty'):
        Gallery(DIM).build_index(kind)
    gallery = indexed(kind)
    gallery.remove(gallery.ids)
    gallery.compact()
    gallery.add(embeddings(3), names(3))
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 3)


def test_few_images_are_compared_without_the_index(monkeypatch):
    gallery = indexed('ivf', 2000, **POOR['ivf'])
    monkeypatch.setattr(search, 'EXACT_LIMIT', 2000)
    assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)


@pytest.fixture
def folder(tmp_path, kind):
    """A closed gallery with an index of all its 400 images."""
    indexed(kind, **THOROUGH[kind]).save(tmp_path / 'gallery')
    assert {path.name for path in (tmp_path / 'gallery').iterdir()} == {
        'gallery.log', 'gallery.lock', 'index.faiss', 'index.json'}
    return tmp_path / 'gallery'


def warnings(log):
    return [record.getMessage() for record in log.records
            if record.levelno == logging.WARNING]


def check(folder, log, message=None):
    """Search after opening; message is that of the expected rebuild."""
    for _ in range(2):  # the rebuilt files serve the second time
        log.clear()
        with Gallery.open(folder) as gallery:
            assert pairs(gallery.search(QUERIES)) == naive(
                gallery, QUERIES, 10)
            assert gallery._state.index['kind'] != 'exact'
        told, = warnings(log) if message else ['']
        assert (message or '') in told
        assert ('building the index' in log.text) == bool(message)
        message = None


def test_an_index_is_built_once(folder, log):
    check(folder, log)


def test_rows_added_later_reach_the_files_at_close(folder, log):
    with Gallery.open(folder) as gallery:
        gallery.add(embeddings(30, 5), names(30, 1000))
        gallery.remove([0, 401])
    check(folder, log)  # those rows are added when it is searched
    assert json.loads((folder / 'index.json').read_text())['rows'] == 430
    check(folder, log)


@pytest.mark.parametrize('name', ['index.faiss', 'index.json'])
@pytest.mark.parametrize('place', [0, 0.1, 0.5, 0.9, 0.999])
def test_a_changed_byte_leads_to_a_new_index(folder, log, name, place):
    data = bytearray((folder / name).read_bytes())
    data[int(place * len(data))] ^= 0x55
    (folder / name).write_bytes(data)
    check(folder, log, 'is built anew')


@pytest.mark.parametrize('name', ['index.faiss', 'index.json'])
@pytest.mark.parametrize('content', [None, b'', b'{}', b'[1]', b'x' * 10**5])
def test_files_that_are_no_index(folder, log, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    check(folder, log, 'is built anew')


def take_index(folder, other):
    """Put the index files of another gallery into a folder."""
    other.save(folder / 'other')
    for name in ('index.faiss', 'index.json'):
        (folder / 'other' / name).replace(folder / name)


@pytest.mark.parametrize('other, message', [
    (dict(num=400, dim=DIM + 1), f'has dim {DIM + 1}, the gallery {DIM}'),
    (dict(num=400, seed=1), 'was made of other images'),
    (dict(num=500), 'was made of other images'),
])
def test_the_index_of_another_gallery_is_not_taken(
        folder, log, kind, other, message):
    gallery = in_memory(**other)
    gallery.build_index(kind, **THOROUGH[kind])
    take_index(folder, gallery)
    check(folder, log, message)


def test_an_index_of_another_kind_is_not_taken(folder, log, kind):
    other = KINDS[kind == 'ivf']
    take_index(folder, indexed(other))
    check(folder, log, f'has kind {other}, the gallery {kind}')


def test_a_faiss_file_of_another_content_is_not_taken(folder, log):
    """As if checksums had been made for it."""
    import zlib
    faiss.write_index(faiss.IndexFlatIP(DIM), str(folder / 'index.faiss'))
    data = (folder / 'index.faiss').read_bytes()
    about = json.loads((folder / 'index.json').read_text())
    about.update(file_crc32=zlib.crc32(data), bytes=len(data))
    (folder / 'index.json').write_text(json.dumps(about))
    check(folder, log, 'holds 0 vectors')


def test_a_log_put_back_from_a_copy_gets_a_new_index(folder, log):
    data = (folder / 'gallery.log').read_bytes()
    with Gallery.open(folder) as gallery:
        gallery.add(embeddings(30, 5), names(30, 1000))
        gallery.search(QUERIES)
    (folder / 'gallery.log').write_bytes(data)
    check(folder, log, 'made of other images')


def test_compaction_builds_the_index_again(folder, log):
    with Gallery.open(folder) as gallery:
        gallery.remove(range(0, 400, 3))
        gallery.compact()
        assert 'building the index' in log.text
        assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
        log.clear()
        gallery.compact()  # nothing moved
    check(folder, log)


def test_read_only_builds_in_memory(folder, log):
    (folder / 'index.json').unlink()
    with Gallery.open(folder, read_only=True) as gallery:
        assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    assert not (folder / 'index.json').exists()


def test_an_index_that_cannot_be_written_is_used_all_the_same(
        tmp_path, log, monkeypatch, kind):
    from mmreidmix.apis.gallery import index_file

    def full(path, write):
        raise OSError('no space left')

    in_memory(400).save(tmp_path)
    monkeypatch.setattr(index_file, 'replace_file', full)
    with Gallery.open(tmp_path) as gallery:
        gallery.build_index(kind, **THOROUGH[kind])
        assert 'no space left' in warnings(log)[0]
        assert pairs(gallery.search(QUERIES)) == naive(gallery, QUERIES, 10)
    monkeypatch.undo()
    monkeypatch.setattr(search, 'EXACT_LIMIT', 0)
    check(tmp_path, log, 'is built anew')


def test_choices_outlast_the_process(folder, kind):
    option = index.SEARCH_OPTIONS[kind]
    with Gallery.open(folder) as gallery:
        gallery.tune_index(**{option: 77})
    with Gallery.open(folder) as gallery:
        assert gallery._state.index['options'][option] == 77
        gallery.build_index('exact')
    assert not list(folder.glob('index.*'))
    with Gallery.open(folder) as gallery:
        assert gallery._state.index == dict(kind='exact', options={})
