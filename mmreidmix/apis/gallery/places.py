"""Galleries by their place: a folder, or a name in a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from .base import BaseGallery
from .gallery import Gallery
from .log import NAME

if TYPE_CHECKING:
    from .postgres import PostgresGallery


def open_gallery(place: Union[str, Path], model: Optional[str] = None, *,
                 store: Optional[str] = None,
                 read_only: bool = False) -> BaseGallery:
    """Open a gallery.

    Args:
        place (str | Path): its folder; with ``store`` its name there.
        model (str, optional): which model is going to be used with it.
        store (str, optional): URL of a PostgreSQL server with pgvector,
            postgresql://USER@HOST:PORT/DATABASE.
        read_only (bool): change nothing.

    Raises:
        GalleryError: there is none, or it can not be opened.
    """
    if store is None:
        return Gallery.open(place, model, read_only=read_only)
    return _postgres().open(
        str(place), model, store=store, read_only=read_only)


def create_gallery(place: Union[str, Path], dim: int,
                   model: Optional[str] = None, *,
                   store: Optional[str] = None) -> BaseGallery:
    """Make an empty gallery and open it, see :func:`open_gallery`.

    Raises:
        GalleryError: there is one already.
    """
    if store is None:
        return Gallery.create(place, dim, model)
    return _postgres().create(str(place), dim, model, store=store)


def holds_gallery(place: Union[str, Path],
                  store: Optional[str] = None) -> bool:
    """Whether there is a gallery, see :func:`open_gallery`."""
    if store is None:
        return Path(place, NAME).is_file()
    return _postgres().exists(str(place), store)


def _postgres() -> 'type[PostgresGallery]':
    try:
        from .postgres import PostgresGallery
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'a gallery in PostgreSQL needs the packages psycopg and pgvector: '
            f"pip install '.[store]' ({error})") from error
    return PostgresGallery
