"""The connection of a gallery to a PostgreSQL server with pgvector."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

import psycopg
from mmengine.logging import print_log
from pgvector.psycopg import register_vector

from .log_records import GalleryError

#: The first pgvector whose searches go on until enough images pass a filter.
_LEAST = (0, 8)


def safe_url(url: str) -> str:
    """A URL without user, password and options.

    Examples:
        >>> safe_url('postgresql://me:secret@db.local:5433/people?sslmode=on')
        'postgresql://db.local:5433/people'
    """
    scheme, _, rest = url.partition('://')
    return f'{scheme}://{rest.rpartition("@")[2].partition("?")[0]}'


class Server:
    """A connection that is made when it is needed, and again when it is lost.

    Args:
        url (str): postgresql://USER@HOST:PORT/DATABASE; what it leaves out,
            the password above all, is read as libpq does: ``PGPASSWORD``,
            ``~/.pgpass``, ``PGSERVICE``.
        read_only (bool): the server refuses changes.
        install (bool): put pgvector into the database where it is missing.
        settings (dict, optional): settings of PostgreSQL for this connection.

    Attributes:
        name (str): the URL without user, password and options.

    Raises:
        ValueError: the URL is not as described.
    """

    def __init__(self, url: str, read_only: bool = False,
                 install: bool = False, settings: Optional[dict] = None):
        self.name = safe_url(url)
        self.read_only = read_only
        self.install = install
        self.settings = settings or {}
        self._url = url
        self._lock = threading.RLock()
        self._connection: Optional[psycopg.Connection] = None
        self._pid = 0
        if not re.match('postgres(ql)?://', url):
            raise ValueError('a store is postgresql://USER@HOST:PORT/DATABASE,'
                             f' got {self.name.removeprefix("://")!r}')
        if not _is_readable(url):
            raise ValueError(
                f'{self.name}: not a URL that can be read. Write special '
                'characters of the password as %XX, or put it into PGPASSWORD '
                'or ~/.pgpass')

    @contextmanager
    def session(self, transaction: bool = True) -> Iterator[psycopg.Cursor]:
        """A cursor; what is done with it is done as a whole or not at all.

        Raises:
            GalleryError: the server can not be reached, or refuses.
        """
        with self._lock:
            try:
                connection = self._connected()
                with connection.cursor(binary=True) as cursor:
                    if not transaction:
                        yield cursor
                        return
                    with connection.transaction():
                        yield cursor
            except psycopg.errors.UniqueViolation:
                raise  # another writer was faster: the caller knows
            except psycopg.OperationalError as error:
                raise GalleryError(
                    f'{self.name}: {error}\nCheck that the server runs, host, '
                    'port, user and password. Where images were being added: '
                    'they are there as a whole or not at all; add them again '
                    'with skip_known=True') from error
            except psycopg.Error as error:
                raise GalleryError(f'{self.name}: {error}') from error

    def set(self, **settings: object) -> None:
        """Change settings of this connection."""
        self.settings.update(settings)
        with self.session() as cursor:
            _apply(cursor, settings)

    def close(self) -> None:
        """Close the connection; the next session opens another."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        # A forked process must not talk on the connection of its parent.
        if self._connection is not None and not self._connection.closed and (
                self._pid == os.getpid()):
            return self._connection
        connection = psycopg.connect(self._url, autocommit=True)
        try:
            with connection.cursor() as cursor:
                self._check_pgvector(cursor)
                _apply(cursor, self.settings)
            register_vector(connection)
            connection.read_only = self.read_only
        except BaseException:
            connection.close()
            raise
        connection.add_notice_handler(_log_notice)
        self._connection, self._pid = connection, os.getpid()
        return connection

    def _check_pgvector(self, cursor: psycopg.Cursor) -> None:
        if self.install:
            cursor.execute('CREATE EXTENSION IF NOT EXISTS vector')
        row = cursor.execute('SELECT extversion FROM pg_extension '
                             "WHERE extname = 'vector'").fetchone()
        found = row[0] if row else 'missing'
        if row is None or tuple(
                int(n) for n in re.findall(r'\d+', found)[:2]) < _LEAST:
            raise GalleryError(
                f'{self.name} needs pgvector 0.8 or later in the database '
                f'(now: {found}): install it on the server, then CREATE '
                'EXTENSION vector or ALTER EXTENSION vector UPDATE')


def _is_readable(url: str) -> bool:
    try:
        host = psycopg.conninfo.conninfo_to_dict(url).get('host')
    except psycopg.Error:  # its text may hold a part of the password
        return False
    return '@' not in str(host)  # nor may the name of a host


def _apply(cursor: psycopg.Cursor, settings: dict) -> None:
    for name, value in settings.items():
        cursor.execute('SELECT set_config(%s, %s, false)', (name, str(value)))


def _log_notice(notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity != 'NOTICE' or (
            'maintenance_work_mem' in notice.message_primary):
        print_log(f'PostgreSQL: {notice.message_primary}', 'current')
