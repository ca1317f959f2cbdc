"""Images of a gallery, in memory or in a folder: added, removed, looked up."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional, TypeVar, Union

import numpy as np
import torch

from mmreidmix.checks import name_some
from mmreidmix.neighbours import normalise_rows

from .base import BaseGallery
from .checks import checked_embeddings, checked_meta, checked_names, integers
from .image_table import Entry
from .index_file import IndexKeeper
from .log import NAME, FolderLock, GalleryLog, write_log
from .log_records import GalleryError, Record
from .state import GalleryState, add_record, remove_record

_Store = TypeVar('_Store', bound='GalleryStore')


class GalleryStore(BaseGallery):
    """Embeddings of images with names, ids, cameras, times and tracklets.

    This is :class:`Gallery` without search.
    """

    def __init__(self, dim: int, model: Optional[str] = None):
        self._attach(GalleryState(dim, model))

    def _attach(self, state: GalleryState, folder: Optional[Path] = None,
                log: Optional[GalleryLog] = None,
                read_only: bool = False) -> None:
        self._state = state
        self._images = state.images
        self.dim = state.dim
        self.model = state.model
        self.folder = folder
        self.read_only = read_only
        self._log = log
        self._lock = threading.RLock()
        self._index = IndexKeeper(state, folder, read_only)

    @classmethod
    def of_rows(cls: type[_Store], vectors: np.ndarray, meta: np.ndarray,
                names: Sequence[str]) -> _Store:
        """A gallery in memory of images that another gallery held.

        Args:
            vectors (np.ndarray): (n, D) float32 of length 1, kept as they
                are.
            meta (np.ndarray): (n,) of type META; the ids rise.
            names (Sequence[str]): n names.
        """
        state = GalleryState(vectors.shape[1])
        first = 0
        for part in state.images.vectors.reserve(len(vectors)):
            part[:] = vectors[first:first + len(part)]
            first += len(part)
        if len(meta):
            state.images.append(meta, names)
        gallery = cls.__new__(cls)
        gallery._attach(state)
        return gallery

    @classmethod
    def create(cls: type[_Store], folder: Union[str, Path], dim: int,
               model: Optional[str] = None) -> _Store:
        """Make an empty gallery in a folder, and open it.

        The folder is made where it is missing; ``dim`` and ``model`` are those
        of :class:`Gallery`.

        Raises:
            GalleryError: the folder holds a gallery already.
        """
        cls(dim, model).save(folder)
        return cls.open(folder, model)

    @classmethod
    def open(cls: type[_Store], folder: Union[str, Path],
             model: Optional[str] = None, *,
             read_only: bool = False) -> _Store:
        """Open the gallery in a folder.

        Args:
            folder (str | Path): the folder.
            model (str, optional): which model is going to be used with it.
            read_only (bool): take no lock and change nothing, not even after
                a crash: the state of now, while another process may write.

        Raises:
            GalleryError: there is none, it is open for writing elsewhere, it
                is damaged, or it was made with another model.
        """
        log = GalleryLog(Path(folder), read_only)
        try:
            gallery = cls.__new__(cls)
            gallery._attach(log.read(), Path(folder), log, read_only)
            gallery.check_model(model)
        except BaseException:
            log.close()
            raise
        return gallery

    @property
    def place(self) -> str:
        """The folder, for messages."""
        return 'the gallery' if self.folder is None else str(self.folder)

    def __len__(self) -> int:
        """Count the images that are there."""
        return self._images.num_live

    @property
    def num_removed(self) -> int:
        """Removed images that :meth:`compact` has not forgotten yet."""
        return len(self._images) - len(self)

    def disk_size(self) -> int:
        """Bytes of the files of the folder; 0 in memory."""
        return 0 if self.folder is None else sum(
            file.stat().st_size for file in self.folder.iterdir())

    @property
    def ids(self) -> np.ndarray:
        """Ids of the images that are there, rising, (N,) int64."""
        with self._lock:
            return self._images.meta['id'][self._images.live]

    def ids_of(self, names: Sequence[str]) -> np.ndarray:
        """Ids of images by n names: (n,) int64, -1 where there is none."""
        with self._lock:
            ids = self._images.meta['id']
            positions = [self._images.position(str(name)) for name in names]
            return np.array([ids[p] if p >= 0 else -1 for p in positions], int)

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """What is known of images.

        Raises:
            ValueError: an id is unknown.
        """
        with self._lock:
            return [self._images.entry(p) for p in self._positions(ids)]

    def embeddings(self, ids: Sequence[int]) -> np.ndarray:
        """Embeddings of images, for instance to search for them.

        Returns:
            np.ndarray: (n, D) float32 of length 1.

        Raises:
            ValueError: an id is unknown.
        """
        with self._lock:
            return self._images.vectors.take(self._positions(ids))

    def add(self, embeddings: Union[np.ndarray, torch.Tensor],
            names: Sequence[str], camids: Optional[Sequence[int]] = None,
            times: Optional[Sequence[float]] = None,
            tracklets: Optional[Sequence[int]] = None, *,
            skip_known: bool = False,
            model: Optional[str] = None) -> np.ndarray:
        """Add images. When this returns they outlast a crash.

        A name stands for one image, so that a folder that is added twice is
        not there twice. It can be used again once its image is removed.

        Args:
            embeddings (np.ndarray | Tensor): (n, D), any float type; kept as
                float32 of length 1.
            names (Sequence[str]): n names: paths relative to a root, or any
                text.
            camids (Sequence[int], optional): (n,), -1 = not known.
            times (Sequence[float], optional): (n,), all by one clock, for
                instance seconds since 1970; NaN = not known.
            tracklets (Sequence[int], optional): (n,), -1 = none. Numbers
                hold for the whole gallery.
            skip_known (bool): leave out images whose name is there already;
                how many is logged.
            model (str, optional): see :meth:`check_model`.

        Returns:
            np.ndarray: (n,) int64 ids, never used before; with
            ``skip_known`` those they have already for the images left out.

        Raises:
            ValueError: something does not fit, an embedding is not finite or
                zero, or a name is there already. Nothing is added then.
            GalleryError: the gallery is read-only or of another model.
        """
        with self._lock:
            self._check_writable()
            self.check_model(model)
            array = checked_embeddings(embeddings, self.dim, names)
            names = checked_names(names, len(array))
            meta = checked_meta(len(array), camids, times, tracklets)
            meta['id'] = self.ids_of(names)
            fresh = np.flatnonzero(meta['id'] < 0)
            if len(fresh) < len(names):
                self._report_known(
                    [n for n, id_ in zip(names, meta['id']) if id_ >= 0],
                    len(names), skip_known)
                array = array[fresh]
            if len(fresh):
                meta['id'][fresh] = self._images.next_id + np.arange(
                    len(fresh))
                self._append(array, meta[fresh], [names[i] for i in fresh])
            return meta['id']

    def _append(self, embeddings: np.ndarray, meta: np.ndarray,
                names: list[str]) -> None:
        vectors, first = self._images.vectors.reserve(len(embeddings)), 0
        for part in vectors:
            normalise_rows(embeddings[first:first + len(part)], out=part)
            first += len(part)
        self._change(add_record(names, meta, vectors),
                     lambda: self._images.append(meta, names))

    def remove(self, ids: Sequence[int]) -> None:
        """Remove images. When this returns it outlasts a crash.

        Their embeddings stay in memory and in the file until
        :meth:`compact`; their ids are never used again.

        Raises:
            ValueError: an id is unknown; nothing is removed then.
            GalleryError: the gallery is read-only.
        """
        with self._lock:
            self._check_writable()
            positions = np.unique(self._positions(ids))
            if len(positions):
                self._change(remove_record(self._images.meta['id'][positions]),
                             lambda: self._images.remove(positions))

    def compact(self) -> None:
        """Forget removed images for good and write the file anew.

        The new file takes the place of the old one in one step: a crash
        leaves one or the other. Many small additions are joined, by which
        the gallery opens faster. An index is built again if images had been
        removed. What a crash left (``torn-*.bin``) is deleted.

        Raises:
            GalleryError: the gallery is read-only.
        """
        with self._lock:
            self._check_writable()
            shrinks = len(self) < len(self._images)

            def change() -> None:
                if shrinks:
                    self._index.forget()
                    self._images.keep_live()

            if self._log is None:
                change()
            else:
                self._log.rewrite(self._state.records(), change)
            if shrinks:
                self._index.rebuild()

    def save(self, folder: Union[str, Path], *,
             overwrite: bool = False) -> None:
        """Write a copy to a folder, without removed images.

        Args:
            folder (str | Path): is made where it is missing.
            overwrite (bool): replace a gallery that is there, in one step.

        Raises:
            GalleryError: the folder holds a gallery.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        try:
            if not overwrite and (folder / NAME).exists():
                raise GalleryError(
                    f'{folder} holds a gallery already: open it with '
                    'Gallery.open, or replace it by save(overwrite=True)')
            with self._lock:
                write_log(folder / NAME, self._state.records())
                self._index.copy_to(folder)
        finally:
            lock.release()

    def close(self) -> None:
        """Let others write to the folder. The gallery takes no more changes.

        What was added and removed is on disk already.
        """
        with self._lock:
            try:
                if not self.read_only:
                    self._index.write()
            finally:
                if self._log is not None:
                    self._log.close()
                self.read_only = self.folder is not None

    def _positions(self, ids: Sequence[int]) -> np.ndarray:
        array = integers(ids, 'ids')
        positions = self._images.positions(array)
        unknown = array[positions < 0]
        if len(unknown):
            raise ValueError(
                f'{len(unknown)} ids are not in {self.place}: '
                f'{name_some(unknown)}. Nothing was changed')
        return positions

    def _change(self, record: Record, change: Callable) -> None:
        """Put a change on the disk, then make it in memory."""
        if self._log is None:
            change()
        else:
            self._log.append(*record, change)
