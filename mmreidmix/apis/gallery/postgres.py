"""A gallery in PostgreSQL with pgvector: for many machines and writers.

The server keeps the images, filters them and proposes those that are near a
query. What it proposes becomes a small :class:`Gallery` in memory, which
compares, re-ranks and joins tracklets: so the results are those of the
embedded gallery.

In the schema ``mmreidmix`` the table ``galleries`` has a row for each
gallery, and ``images_N`` has a row for each image of gallery N. An unknown
camera, time or tracklet is NULL. Values go to the server as parameters, never
as a part of a statement; the only names in statements are those tables.
"""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import psycopg
from pgvector import Vector
from psycopg import sql
from psycopg.types.json import Jsonb

from mmreidmix.checks import check_choice, check_count, name_some
from mmreidmix.neighbours import normalise_rows

from .base import BaseGallery, Embeddings
from .checks import checked_embeddings, checked_meta, checked_names, integers
from .gallery import Gallery, Match
from .image_table import META, Entry
from .log_records import GalleryError
from .search import (
    EXACT_LIMIT,
    checked_interval,
    named_images,
    num_candidates,
)
from .server import Server

_VERSION = 1
#: pgvector's limits: of an index of 16-bit floats, and of ef_search.
MOST_INDEXED = 4000
MOST_BREADTH = 1000
#: Options of the index, named as those of the embedded one: default, limit.
_OPTIONS = dict(links=(16, 100), build=(100, 1000),
                breadth=(200, MOST_BREADTH))
#: A row up to so many dimensions is kept whole: it is read faster.
_INLINE = 1900
#: So often another writer may add the same name at the same moment.
_TRIES = 20
_FIELDS = 'id, name, camid, time, tracklet'
_CONDITIONS = dict(
    camids='camid = ANY(%(camids)s::bigint[])',
    exclude_camids='(camid IS NULL OR '
    'camid <> ALL(%(exclude_camids)s::bigint[]))',
    begin='time >= %(begin)s',
    end='time < %(end)s',
    tracklets='tracklet = ANY(%(tracklets)s::bigint[])')


class PostgresGallery(BaseGallery):
    """Images in a table of a PostgreSQL server, see :class:`Gallery`.

    Any number of processes may write and search at once. What is added is
    there for all of them when :meth:`add` returns. The choice of the index is
    read when the gallery is opened.

    It is made by :meth:`create` or :meth:`open`.
    """

    def __init__(self, server: Server, name: str, number: int, dim: int,
                 model: Optional[str], setting: dict):
        self.dim = dim
        self.model = model
        self.read_only = server.read_only
        self.name = name
        self._server = server
        self._number = number
        self._setting = setting
        self._large = False  # whether it ever had more than EXACT_LIMIT
        if setting['kind'] == 'hnsw':
            self._use_breadth()

    @classmethod
    def create(cls, name: str, dim: int, model: Optional[str] = None, *,
               store: str) -> 'PostgresGallery':
        """Make an empty gallery in a server, and open it.

        Raises:
            ValueError: ``store`` is no URL of PostgreSQL, or ``dim`` is wrong.
            GalleryError: there is one of that name, or the server refuses.
        """
        check_count('Gallery', 1, dim=dim)
        _check_text(name, 'the name of the gallery')
        server = Server(store, install=True)
        with server.session() as cursor:
            # One at a time: IF NOT EXISTS alone fails where two begin.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('mmreidmix'))")
            for statement in _SCHEMA.split(';'):
                cursor.execute(statement)
            row = cursor.execute(
                'INSERT INTO mmreidmix.galleries (name, dim, model, version) '
                'VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING '
                'RETURNING number', (name, dim, model, _VERSION)).fetchone()
            if row is None:
                raise GalleryError(f'{server.name} holds a gallery {name!r} '
                                   'already: open it')
            for statement in _TABLE.split(';'):
                cursor.execute(sql.SQL(statement).format(
                    **_names(row[0]), dim=sql.Literal(int(dim)),
                    storage=sql.SQL(
                        'PLAIN' if dim <= _INLINE else 'EXTERNAL')))
        server.close()
        return cls.open(name, model, store=store)

    @classmethod
    def open(cls, name: str, model: Optional[str] = None, *, store: str,
             read_only: bool = False) -> 'PostgresGallery':
        """Open the gallery of a name in a server.

        Raises:
            ValueError: ``store`` is no URL of PostgreSQL.
            GalleryError: there is none, it is of another model, or the server
                can not be reached.
        """
        _check_text(name, 'the name of the gallery')
        server = Server(store, read_only)
        with server.session() as cursor:
            row = _row(cursor, name)
        if row is None:
            raise GalleryError(
                f'{server.name} holds no gallery {name!r}: check the name, or '
                'make it with tools/gallery.py add')
        number, dim, known, version, setting = row
        if version > _VERSION:
            raise GalleryError(f'the gallery {name!r} was made by a later '
                               'version of mmreidmix: install that one')
        gallery = cls(server, name, number, dim, known, setting)
        gallery.check_model(model)
        return gallery

    @staticmethod
    def exists(name: str, store: str) -> bool:
        """Whether a server holds a gallery of a name."""
        server = Server(store, install=True)
        with server.session() as cursor:
            found = _row(cursor, name) is not None
        server.close()
        return found

    @property
    def place(self) -> str:
        """Name of the gallery, and the server without the password."""
        return f'{self.name} in {self._server.name}'

    @property
    def num_removed(self) -> None:
        """None: the server does not count them."""
        return

    @property
    def ids(self) -> np.ndarray:
        """Ids of the images that are there, rising, (N,) int64."""
        return self.find()

    def __len__(self) -> int:
        """Count the images that are there."""
        return self.count()

    def count(self, **filters: Any) -> int:
        """Count the images that pass the filters of :meth:`find`."""
        if filters.get('names') is not None:
            return len(self.find(**filters))
        filters.pop('names', None)
        where, values = _where(**filters)
        with self._server.session() as cursor:
            return self._execute(
                cursor, 'SELECT count(*) FROM {images} WHERE {where}',
                values, where=where).fetchone()[0]

    def disk_size(self) -> int:
        """Bytes of table and indexes on the server."""
        with self._server.session() as cursor:
            return cursor.execute(
                'SELECT pg_total_relation_size(%s::regclass)',
                (f'mmreidmix.images_{self._number}', )).fetchone()[0]

    def ids_of(self, names: Sequence[str]) -> np.ndarray:
        """Ids of images by n names: (n,) int64, -1 where there is none."""
        with self._server.session() as cursor:
            return self._ids_of(cursor, [str(name) for name in names])

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """What is known of images, see :class:`Gallery`."""
        return [Entry(*row) for row in self._rows_of(ids, _FIELDS)]

    def embeddings(self, ids: Sequence[int]) -> np.ndarray:
        """Embeddings of images, (n, D) float32 of length 1."""
        return _vectors([row[1] for row in self._rows_of(
            ids, 'id, embedding')], self.dim)

    def add(self, embeddings: Embeddings, names: Sequence[str],
            camids: Optional[Sequence[int]] = None,
            times: Optional[Sequence[float]] = None,
            tracklets: Optional[Sequence[int]] = None, *,
            skip_known: bool = False,
            model: Optional[str] = None) -> np.ndarray:
        """Add images in one transaction, see :meth:`Gallery.add`."""
        self._check_writable()
        self.check_model(model)
        array = checked_embeddings(embeddings, self.dim, names)
        names = checked_names(names, len(array))
        for name in names:
            _check_text(name, 'a name')
        meta = checked_meta(len(array), camids, times, tracklets)
        vectors = normalise_rows(array).numpy()
        for last in (*[False] * (_TRIES - 1), True):
            try:
                with self._server.session() as cursor:
                    return self._add(cursor, vectors, names, meta, skip_known)
            except psycopg.errors.UniqueViolation as error:
                # Another writer added one of the names: see which now.
                if last:
                    raise GalleryError(f'{self.place}: others keep adding the '
                                       'same names') from error
        raise AssertionError

    def remove(self, ids: Sequence[int]) -> None:
        """Remove images in one transaction, see :meth:`Gallery.remove`."""
        self._check_writable()
        array = np.unique(integers(ids, 'ids'))
        with self._server.session() as cursor:
            rows = self._execute(
                cursor, 'DELETE FROM {images} WHERE id = ANY(%(ids)s) '
                'RETURNING id', dict(ids=array.tolist())).fetchall()
            self._check_found(array, [row[0] for row in rows])

    def compact(self) -> None:
        """Write the table and its indexes anew, without removed images.

        Nobody can use the gallery meanwhile. The space of removed images is
        used again without it: that is the work of autovacuum.
        """
        self._check_writable()
        with self._server.session(transaction=False) as cursor:
            self._execute(cursor, 'VACUUM (FULL, ANALYZE) {images}')

    def find(self, names: Optional[Sequence[str]] = None,
             **filters: Any) -> np.ndarray:
        """Ids of the images that pass every filter, rising, (n,) int64."""
        where, values = _where(**filters)
        fields = sql.SQL('id' if names is None else 'id, name')
        with self._server.session() as cursor:
            rows = self._execute(
                cursor, 'SELECT {fields} FROM {images} WHERE {where} '
                'ORDER BY id', values, where=where, fields=fields).fetchall()
        ids = np.array([row[0] for row in rows], np.int64)
        return ids if names is None else ids[
            named_images([row[1] for row in rows], names)]

    def search(self, queries: Embeddings, topk: int = 10,
               camids: Optional[Sequence[int]] = None,
               exclude_camids: Optional[Sequence[int]] = None,
               times: Optional[tuple] = None, rerank: Optional[dict] = None,
               by_tracklet: bool = False,
               tracklets: Optional[Sequence[int]] = None
               ) -> list[list[Match]]:
        """Find the most similar images, see :meth:`Gallery.search`.

        With ``by_tracklet`` every image that passes the filters is read.
        """
        check_count('Gallery.search', 1, topk=topk)
        topk = int(topk)
        num = num_candidates(rerank, topk)
        where, values = _where(camids, exclude_camids, times, tracklets)
        checked = checked_embeddings(queries, self.dim)
        propose = self._propose_tracklets if by_tracklet else self._propose
        found = []
        with self._server.session() as cursor:
            for query in checked:
                unit = normalise_rows(query[None]).numpy()[0]
                rows = propose(cursor, unit, num, where, values)
                found.append(_gallery_of(rows, self.dim).search(
                    query[None], topk, rerank=rerank,
                    by_tracklet=by_tracklet)[0] if rows else [])
            if not any(found):
                self._check_not_empty('search in')
        return found

    def build_index(self, kind: str, **options: int) -> None:
        """Choose how images are searched, and build the index for it.

        Others can search and write meanwhile. It is fast where
        ``maintenance_work_mem`` of the server holds the whole index.

        Args:
            kind (str): 'exact' or 'hnsw', a graph of 16-bit embeddings.
            **options: of 'hnsw': ``links`` per image (16), breadth of the
                search while it is built (``build``, 100) and used
                (``breadth``, 200).

        Raises:
            ValueError: an unknown kind or option, or more than 4000
                dimensions.
            GalleryError: the gallery is empty or read-only.
        """
        check_choice('build_index of PostgreSQL', ('exact', 'hnsw'),
                     index=kind)
        options = _checked_options(options if kind == 'exact' else {
            **{name: own[0] for name, own in _OPTIONS.items()}, **options},
            _OPTIONS if kind == 'hnsw' else ())
        if kind == 'hnsw' and self.dim > MOST_INDEXED:
            raise ValueError(f'an index of pgvector has at most '
                             f'{MOST_INDEXED} dimensions, not {self.dim}: '
                             "search by 'exact'")
        self._check_writable()
        self._check_not_empty('build an index of')
        with self._server.session(transaction=False) as cursor:
            self._execute(cursor, 'DROP INDEX IF EXISTS {index}')
            if kind == 'hnsw':
                self._execute(
                    cursor, 'CREATE INDEX CONCURRENTLY {short} ON {images} '
                    'USING hnsw ((embedding::halfvec({dim})) halfvec_ip_ops) '
                    'WITH (m = {links}, ef_construction = {build})',
                    dim=sql.Literal(self.dim),
                    short=sql.Identifier(f'hnsw_{self._number}'),
                    links=sql.Literal(options['links']),
                    build=sql.Literal(options['build']))
            self._execute(cursor, 'ANALYZE {images}')
        self._keep(dict(kind=kind, options=options))

    def tune_index(self, **options: int) -> None:
        """Change ``breadth`` of the index 'hnsw', for all who open it."""
        if self._setting['kind'] != 'hnsw' or set(options) != {'breadth'}:
            raise ValueError(
                f'the index is {self._setting["kind"]!r}: tune_index takes '
                f"'breadth', of 'hnsw' alone, got {options}")
        self._check_writable()
        options = _checked_options(options, ('breadth', ))
        self._keep(dict(self._setting, options={
            **self._setting['options'], **options}))

    def recall(self, topk: int = 10, sample: int = 200,
               seed: int = 0) -> float:
        """Share of the true neighbours found, see :meth:`Gallery.recall`."""
        check_count('Gallery.recall', 1, topk=topk, sample=sample)
        ids = self.ids
        if len(ids) < 2:
            raise GalleryError('recall needs at least two images')
        drawn = np.random.default_rng(seed).permutation(ids)[:sample]
        where, values = _where()
        shares = []
        with self._server.session() as cursor:
            for own, unit in zip(drawn, self.embeddings(drawn)):
                near, true = (
                    _gallery_of(rows, self.dim).search(unit[None], topk + 1)[0]
                    for rows in (
                        self._propose(cursor, unit, topk + 1, where, values),
                        self._nearest(cursor, unit, 2 * topk + 32, where,
                                      values)))
                true = {match.id for match in true} - {own}
                shares.append(len(true & {match.id for match in near})
                              / len(true))
        return float(np.mean(shares))

    def close(self) -> None:
        """Close the connection. The gallery takes no more changes."""
        self._server.close()
        self.read_only = True

    def _execute(self, cursor: psycopg.Cursor, statement: str,
                 values: Optional[dict] = None,
                 **parts: sql.Composable) -> psycopg.Cursor:
        return cursor.execute(sql.SQL(statement).format(
            **_names(self._number), **parts), values)

    def _add(self, cursor: psycopg.Cursor, vectors: np.ndarray,
             names: list[str], meta: np.ndarray,
             skip_known: bool) -> np.ndarray:
        ids = self._ids_of(cursor, names)
        fresh = np.flatnonzero(ids < 0)
        if len(fresh) < len(names):
            self._report_known([n for n, i in zip(names, ids) if i >= 0],
                               len(names), skip_known)
        ids[fresh] = [row[0] for row in cursor.execute(
            'SELECT nextval(%s::regclass) FROM generate_series(1, %s)',
            (f'mmreidmix.ids_{self._number}', len(fresh)))]
        copy = sql.SQL(f'COPY {{images}} ({_FIELDS}, embedding) FROM STDIN '
                       '(FORMAT BINARY)').format(**_names(self._number))
        with cursor.copy(copy) as writer:
            writer.set_types(['int8', 'text', 'int8', 'float8', 'int8',
                              'vector'])
            # In one order for all writers: none waits for another in a ring.
            for i in sorted(fresh, key=names.__getitem__):
                _, camid, time, tracklet = meta[i].item()
                writer.write_row((
                    int(ids[i]), names[i], None if camid < 0 else camid,
                    None if np.isnan(time) else time,
                    None if tracklet < 0 else tracklet, Vector(vectors[i])))
        return ids

    def _ids_of(self, cursor: psycopg.Cursor, names: list[str]) -> np.ndarray:
        known = dict(self._execute(
            cursor, 'SELECT name, id FROM {images} WHERE name = '
            'ANY(%(names)s::text[])', dict(names=[
                n for n in names if _storable(n)])).fetchall())
        return np.array([known.get(name, -1) for name in names], np.int64)

    def _rows_of(self, ids: Sequence[int], fields: str) -> list[tuple]:
        """Fields of images, of which ``id`` is the first."""
        array = integers(ids, 'ids')
        with self._server.session() as cursor:
            rows = {row[0]: row for row in self._execute(
                cursor, 'SELECT {fields} FROM {images} WHERE id = '
                'ANY(%(ids)s::bigint[])', dict(ids=array.tolist()),
                fields=sql.SQL(fields))}
        self._check_found(array, list(rows))
        return [rows[id_] for id_ in array.tolist()]

    def _check_found(self, ids: np.ndarray, found: list[int]) -> None:
        unknown = ids[~np.isin(ids, found)]
        if len(unknown):
            raise ValueError(f'{len(unknown)} ids are not in {self.place}: '
                             f'{name_some(unknown)}. Nothing was changed')

    def _propose(self, cursor: psycopg.Cursor, unit: np.ndarray, num: int,
                 where: sql.Composable, values: dict) -> list[tuple]:
        """Rows that hold the ``num`` best, or those the index takes for it."""
        more = 2 * num + 32  # rounded distances order almost right
        if self._setting['kind'] == 'hnsw' and self._are_many(
                cursor, where, values):
            rows = self._nearest(cursor, unit, more, where, values, True)
            if len(rows) == more:
                return rows
        return self._nearest(cursor, unit, more, where, values)

    def _are_many(self, cursor: psycopg.Cursor, where: sql.Composable,
                  values: dict) -> bool:
        """Whether more than EXACT_LIMIT images pass."""
        if not values and self._large:
            return True
        passing = self._execute(
            cursor, 'SELECT count(*) FROM (SELECT 1 FROM {images} WHERE '
            '{where} LIMIT {limit}) AS passing', values, where=where,
            limit=sql.Literal(EXACT_LIMIT + 1)).fetchone()[0]
        self._large |= passing > EXACT_LIMIT
        return passing > EXACT_LIMIT

    def _nearest(self, cursor: psycopg.Cursor, unit: np.ndarray, num: int,
                 where: sql.Composable, values: dict,
                 by_index: bool = False) -> list[tuple]:
        # <#> is the negative inner product.
        order = sql.SQL(
            'embedding::halfvec({dim}) <#> %(unit)b::vector::halfvec({dim})'
            if by_index else 'embedding <#> %(unit)b, id').format(
                dim=sql.Literal(self.dim))
        return self._execute(
            cursor, 'SELECT {fields} FROM {images} WHERE {where} '
            'ORDER BY {order} LIMIT {num}', dict(values, unit=Vector(unit)),
            fields=_ROW, where=where, order=order,
            num=sql.Literal(num)).fetchall()

    def _propose_tracklets(self, cursor: psycopg.Cursor, unit: np.ndarray,
                           num: int, where: sql.Composable,
                           values: dict) -> list[tuple]:
        """All rows of the best tracklets, and the best rows of none."""
        none = sql.SQL('{} AND tracklet IS NULL').format(where)
        tracklets = self._execute(
            cursor, 'SELECT tracklet FROM {images} WHERE {where} AND '
            'tracklet IS NOT NULL GROUP BY tracklet ORDER BY avg(embedding) '
            '<=> %(unit)b, tracklet LIMIT {num}',
            dict(values, unit=Vector(unit)), where=where,
            num=sql.Literal(2 * num + 32)).fetchall()
        return self._nearest(cursor, unit, 2 * num + 32, none, values) + (
            self._execute(
                cursor, 'SELECT {fields} FROM {images} WHERE {where} AND '
                'tracklet = ANY(%(best)s::bigint[])',
                dict(values, best=[row[0] for row in tracklets]),
                fields=_ROW, where=where).fetchall())

    def _keep(self, setting: dict) -> None:
        with self._server.session() as cursor:
            cursor.execute('UPDATE mmreidmix.galleries SET index = %s WHERE '
                           'number = %s', (Jsonb(setting), self._number))
        self._setting = setting
        if setting['kind'] == 'hnsw':
            self._use_breadth()

    def _use_breadth(self) -> None:
        self._server.set(**{
            'hnsw.ef_search': self._setting['options']['breadth'],
            # Go on until enough images pass the filters.
            'hnsw.iterative_scan': 'relaxed_order'})


_ROW = sql.SQL(f'{_FIELDS}, embedding')
_SCHEMA = '''
    CREATE SCHEMA IF NOT EXISTS mmreidmix;
    CREATE TABLE IF NOT EXISTS mmreidmix.galleries (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE, dim integer NOT NULL, model text,
        version integer NOT NULL,
        index jsonb NOT NULL DEFAULT '{"kind": "exact", "options": {}}')'''
_TABLE = '''
    CREATE TABLE {images} (
        id bigint PRIMARY KEY, name text NOT NULL UNIQUE, camid bigint,
        time double precision, tracklet bigint,
        embedding vector({dim}) NOT NULL);
    ALTER TABLE {images} ALTER COLUMN embedding SET STORAGE {storage};
    CREATE INDEX ON {images} (camid, time);
    CREATE INDEX ON {images} (time);
    CREATE INDEX ON {images} (tracklet);
    CREATE SEQUENCE {ids} MINVALUE 0 OWNED BY {images}.id'''


def _names(number: int) -> dict[str, sql.Identifier]:
    """Names of what belongs to a gallery."""
    return {word: sql.Identifier('mmreidmix', f'{kind}_{number}')
            for word, kind in (('images', 'images'), ('ids', 'ids'),
                               ('index', 'hnsw'))}


def _row(cursor: psycopg.Cursor, name: str) -> Optional[tuple]:
    """What is known of a gallery, None if there is none of that name."""
    there, = cursor.execute(
        "SELECT to_regclass('mmreidmix.galleries')::text").fetchone()
    return there and cursor.execute(
        'SELECT number, dim, model, version, index FROM mmreidmix.galleries '
        'WHERE name = %s', (name, )).fetchone()


def _where(camids: Optional[Sequence[int]] = None,
           exclude_camids: Optional[Sequence[int]] = None,
           times: Optional[tuple] = None,
           tracklets: Optional[Sequence[int]] = None
           ) -> tuple[sql.Composable, dict]:
    """Filters of :meth:`Gallery.search` as a condition and its values."""
    values: dict[str, Any] = {
        name: integers(numbers, name).tolist() for name, numbers in (
            ('camids', camids), ('exclude_camids', exclude_camids),
            ('tracklets', tracklets)) if numbers is not None}
    if times is not None:
        values['begin'], values['end'] = checked_interval(times)
    parts = [sql.SQL(_CONDITIONS[name]) for name in values]
    return sql.SQL(' AND ').join(parts or [sql.SQL('true')]), values


def _checked_options(options: dict, known: Sequence[str]) -> dict[str, int]:
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'options {unknown} unknown: this index of '
                         f'PostgreSQL takes {tuple(known)}')
    for name, value in options.items():
        check_choice("index 'hnsw' of PostgreSQL",
                     range(2, _OPTIONS[name][1] + 1), **{name: value})
    return {name: int(value) for name, value in options.items()}


def _storable(text: str) -> bool:
    """Whether PostgreSQL can keep a text: no NUL, nothing but Unicode."""
    return '\0' not in text and not any(
        '\ud800' <= letter <= '\udfff' for letter in text)


def _check_text(text: str, what: str) -> None:
    if not _storable(text):
        raise ValueError(f'{what}, {text!r}, has letters that PostgreSQL can '
                         'not keep: rename it')


def _vectors(found: Sequence[Vector], dim: int) -> np.ndarray:
    return np.array([vector.to_numpy() for vector in found],
                    np.float32).reshape(-1, dim)


def _gallery_of(rows: list[tuple], dim: int) -> Gallery:
    """Rows of the table as a gallery in memory."""
    rows = sorted(rows, key=lambda row: row[0])
    meta = np.array([
        (id_, -1 if camid is None else camid,
         np.nan if time is None else time,
         -1 if tracklet is None else tracklet)
        for id_, _, camid, time, tracklet, _ in rows], META)
    return Gallery.of_rows(_vectors([row[5] for row in rows], dim), meta,
                           [row[1] for row in rows])
