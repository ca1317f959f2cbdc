"""What every gallery does, embedded or in PostgreSQL: the same tests."""

import sys
import threading
from itertools import count

import numpy as np
import pytest

from mmreidmix.apis import GalleryError, create_gallery, open_gallery
from mmreidmix.apis.gallery import holds_gallery
from tests.tiny_gallery import (
    DIM,
    content,
    embeddings,
    filled,
    in_memory,
    naive,
    names,
    pairs,
)

QUERIES = embeddings(6, seed=99)
NUMBERS = count()
FILTERS = [
    dict(), dict(camids=[1, 3]), dict(camids=[-1]), dict(camids=[]),
    dict(exclude_camids=[0, 2]), dict(times=(10, 60)),
    dict(times=(None, 30)), dict(times=(None, None)), dict(tracklets=[2, 5]),
    dict(camids=[1], times=(20, None), exclude_camids=[3])
]


@pytest.fixture(params=['embedded', 'postgres'])
def place(request, tmp_path):
    """Arguments of a gallery that is not there yet."""
    if request.param == 'embedded':
        return dict(place=tmp_path / 'gallery')
    url = request.getfixturevalue('postgres')
    return dict(place=f"it's {next(NUMBERS)}", store=url)


@pytest.fixture
def gallery(place):
    with create_gallery(dim=DIM, model='abc', **place) as made:
        yield filled(made, 120)


def test_what_is_added_is_there(place):
    assert not holds_gallery(**place)
    gallery = create_gallery(dim=3, **place)
    ids = gallery.add(np.array([[0, 0, 2.], [3, 4, 0]]), ['b', 'a'],
                      camids=[5, -1], times=[np.nan, 7.5], tracklets=[0, -1])
    assert ids.tolist() == [0, 1] and ids.dtype == np.int64
    assert [tuple(e) for e in gallery.entries([1, 0])] == [
        (1, 'a', None, 7.5, None), (0, 'b', 5, None, 0)]
    np.testing.assert_array_equal(
        gallery.embeddings([1, 0]),
        np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32))
    assert len(gallery) == 2 and gallery.ids.tolist() == [0, 1]
    assert gallery.ids_of(['a', 'x', 'b']).tolist() == [1, -1, 0]
    assert gallery.disk_size() > 0 and holds_gallery(**place)


@pytest.mark.parametrize('filters', FILTERS, ids=str)
def test_search_equals_that_of_a_gallery_in_memory(gallery, filters):
    memory = in_memory(120)
    assert content(gallery) == content(memory)
    assert gallery.find(**filters).tolist() == memory.find(**filters).tolist()
    assert gallery.count(**filters) == len(memory.find(**filters))
    for options in (dict(topk=200), dict(rerank={}),
                    dict(rerank=dict(k1_intra=3), topk=3),
                    dict(by_tracklet=True, topk=5)):
        assert gallery.search(QUERIES, **options, **filters) == (
            memory.search(QUERIES, **options, **filters))


def test_search_equals_the_naive_one(gallery):
    assert pairs(gallery.search(QUERIES, 7)) == naive(gallery, QUERIES, 7)


def test_many_equal_images_are_in_the_order_of_their_ids(place):
    with create_gallery(dim=DIM, **place) as gallery:
        gallery.add(np.ones((150, DIM)), names(150))
        found, = gallery.search(np.ones((1, DIM)), 5)
    assert [match.id for match in found] == [0, 1, 2, 3, 4]


def test_names_are_found(gallery):
    for wanted in (['cam'], ['cam/000*'], ['cam/0003.jpg', 'x'], []):
        assert gallery.find(wanted, camids=[1, 2]).tolist() == (
            in_memory(120).find(wanted, camids=[1, 2]).tolist())
    assert gallery.count(names=['cam/000*']) == 10


def test_it_persists(gallery, place):
    before = content(gallery)
    gallery.close()
    with pytest.raises(GalleryError, match='cannot be changed'):
        gallery.remove([0])
    with open_gallery(model='abc', **place) as again:
        assert content(again) == before
        assert (again.dim, again.model) == (DIM, 'abc')
        assert again.add(embeddings(1), ['new']).tolist() == [120]


def test_removed_images_are_found_no_more(gallery):
    gallery.remove([3, 119])
    assert len(gallery) == 118
    found, = gallery.search(QUERIES[:1], 200)
    assert not {3, 119} & {match.id for match in found}
    gallery.compact()
    assert gallery.ids.tolist() == [i for i in range(119) if i != 3]
    assert gallery.add(embeddings(1), names(1, 3))[0] >= 120
    with pytest.raises(ValueError, match='2 ids are not in .*: 3, 999'):
        gallery.remove([0, 3, 999])
    with pytest.raises(ValueError, match='1 ids are not in .*: 3'):
        gallery.embeddings([0, 3])
    assert len(gallery) == 119


def test_known_names(gallery, log):
    before = content(gallery)
    with pytest.raises(ValueError, match=r"2 of 3 names .*'cam/0118.jpg'.*"
                                         'skip_known'):
        gallery.add(embeddings(3), names(3, 118))
    assert content(gallery) == before
    ids = gallery.add(embeddings(3), names(3, 118), skip_known=True)
    assert ids[:2].tolist() == [118, 119] and ids[2] >= 120
    assert '2 of 3 images are in' in log.text
    with pytest.raises(ValueError, match='given more than once'):
        gallery.add(embeddings(2), ['y', 'y'])


def test_what_does_not_fit_is_refused(gallery):
    with pytest.raises(ValueError, match='of 5 dimensions for a gallery of 8'):
        gallery.add(embeddings(1, dim=5), ['new'])
    with pytest.raises(ValueError, match='of 5 dimensions for a gallery of 8'):
        gallery.search(embeddings(1, dim=5))
    with pytest.raises(ValueError, match='hold NaN'):
        gallery.add(np.full((1, DIM), np.nan), ['new'])
    with pytest.raises(ValueError, match='the begin 3.0 is not before'):
        gallery.search(QUERIES, times=(3, 2))
    with pytest.raises(ValueError, match='rerank'):
        gallery.search(QUERIES, rerank=dict(k7=1))
    with pytest.raises(ValueError, match="index must be one of 'exact'"):
        gallery.build_index('tree')
    assert len(gallery) == 120


def test_another_model_and_an_empty_gallery(gallery, place):
    with pytest.raises(GalleryError, match='embeddings of the model abc'):
        gallery.add(embeddings(1), ['new'], model='other')
    with pytest.raises(GalleryError, match='embeddings of the model abc'):
        open_gallery(model='other', read_only=True, **place)
    with pytest.raises(GalleryError, match='already'):
        create_gallery(dim=DIM, **place)
    gallery.remove(gallery.ids)
    with pytest.raises(GalleryError, match='is empty: there is nothing to se'):
        gallery.search(QUERIES)


def test_reading_alone(gallery, place):
    with open_gallery(read_only=True, **place) as reader:
        assert content(reader) == content(gallery)
        for change in (lambda: reader.remove([0]), reader.compact,
                       lambda: reader.add(embeddings(1), ['new'])):
            with pytest.raises(GalleryError, match='cannot be changed'):
                change()


def test_the_index_finds_them_and_is_kept(gallery, place, monkeypatch):
    if 'store' in place:
        monkeypatch.setattr(
            'mmreidmix.apis.gallery.postgres.EXACT_LIMIT', 10)
    else:
        monkeypatch.setattr('mmreidmix.apis.gallery.search.EXACT_LIMIT', 10)
    gallery.build_index('hnsw')
    assert gallery.recall() > 0.98
    gallery.tune_index(breadth=64)
    gallery.add(embeddings(20, 7), names(20, 500), camids=[1] * 20)
    gallery.close()
    with open_gallery(**place) as again:
        assert again.recall() > 0.98
        for filters in FILTERS:
            assert pairs(again.search(QUERIES, 5, **filters)) == naive(
                again, QUERIES, 5, set(again.entries(
                    again.find(**filters))).__contains__)
        with pytest.raises(ValueError, match='tune_index takes'):
            again.tune_index(nprobe=3)
        again.build_index('exact')
        assert again.recall() == 1


def test_no_gallery(place):
    with pytest.raises(GalleryError, match='holds no gallery'):
        open_gallery(**place)


def test_many_writers_of_the_same_names(postgres):
    place = dict(place='shared', store=postgres)
    create_gallery(dim=DIM, **place).close()
    ids, threads = [], []

    def work(seed):
        order = np.random.default_rng(seed).permutation(200)
        with open_gallery(**place) as own:
            for part in np.split(order, 10):
                new = own.add(embeddings(200)[part],
                              [f'{i:03d}' for i in part], skip_known=True)
                ids.extend(zip(part, new))

    for seed in range(4):
        threads.append(threading.Thread(target=work, args=(seed, )))
        threads[-1].start()
    for thread in threads:
        thread.join()
    with open_gallery(**place) as gallery:
        assert len(gallery) == 200 and len(ids) == 800 == 4 * len(set(ids))
        by_name = gallery.ids_of([f'{i:03d}' for i in range(200)])
        assert {*ids} == {*zip(range(200), by_name)}


def test_a_lost_connection_is_made_again(postgres):
    from mmreidmix.apis.gallery.server import Server
    place = dict(place='lost', store=postgres)
    with create_gallery(dim=DIM, **place) as gallery:
        filled(gallery, 5)
        with Server(postgres).session() as cursor:
            cursor.execute(
                'SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
                'WHERE pid <> pg_backend_pid() AND backend_type = %s',
                ('client backend', ))
        with pytest.raises(GalleryError, match='skip_known=True'):
            len(gallery)
        assert len(gallery) == 5


@pytest.mark.parametrize('url', [
    'postgresql://me:secret@127.0.0.1:1/people',
    'postgresql://me:secret@127.0.0.1:1/people?connect_timeout=2',
    'postgresql://me:se@cret@127.0.0.1:1/people'])
def test_a_server_that_is_not_there(url, postgres):
    with pytest.raises((GalleryError, ValueError)) as caught:
        open_gallery('station', store=url)
    assert 'postgresql://127.0.0.1:1/people' in str(caught.value)
    assert 'cret' not in str(caught.value)


@pytest.mark.parametrize('url', ['mysql://me:secret@db', 'work_dirs/station'])
def test_a_store_that_is_none(url, postgres):
    with pytest.raises(ValueError, match='a store is postgresql://') as caught:
        open_gallery('station', store=url)
    assert 'secret' not in str(caught.value)


def test_names_that_postgresql_can_not_keep(postgres):
    with create_gallery('odd', 2, store=postgres) as gallery:
        for name in ('a\0b', 'a\udc80'):
            with pytest.raises(ValueError, match='can not keep: rename it'):
                gallery.add(np.eye(2)[:1], [name])
        odd = "'; DROP TABLE mmreidmix.galleries; -- %s {}"
        gallery.add(np.eye(2)[:1], [odd])
        assert gallery.entries(gallery.ids_of([odd]))[0].name == odd


def test_many_dimensions(postgres):
    with create_gallery('wide', 4001, store=postgres) as gallery:
        filled(gallery, 3)
        assert gallery.search(gallery.embeddings([1]), 1)[0][0].id == 1
        with pytest.raises(ValueError, match='at most 4000 dimensions, not'):
            gallery.build_index('hnsw')
    with create_gallery('wide enough', 3000, store=postgres) as gallery:
        filled(gallery, 30).build_index('hnsw')
        assert gallery.search(gallery.embeddings([1]), 1)[0][0].id == 1
    with pytest.raises(GalleryError, match='16000'):
        create_gallery('too wide', 16_001, store=postgres)


def test_without_the_packages(monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmreidmix.apis.gallery.postgres',
                        raising=False)
    monkeypatch.setitem(sys.modules, 'psycopg', None)
    with pytest.raises(ModuleNotFoundError, match="pip install '.\\[store]'"):
        open_gallery('station', store='postgresql://db/people')
