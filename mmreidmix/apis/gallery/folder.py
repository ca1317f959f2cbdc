"""Galleries that are kept in a folder."""

from pathlib import Path
from typing import Optional, Union

from .images import GalleryImages
from .index_file import IndexKeeper
from .log import NAME, FolderLock, GalleryLog, write_log
from .log_records import GalleryError


class GalleryFolder(GalleryImages):
    """A gallery that can be written to a folder, or live in one."""

    def _attach(self, state, folder=None, log=None, read_only=False):
        super()._attach(state, folder, log, read_only)
        self._index = IndexKeeper(state, folder, read_only)

    @classmethod
    def create(cls, folder: Union[str, Path], dim: int,
               model: Optional[str] = None):
        """Make an empty gallery in a folder, and open it.

        Args:
            folder (str | Path): is made where it is missing.
            dim (int): dimensions D of an embedding.
            model (str, optional): which model makes the embeddings, for
                instance the SHA-256 of its weights; None = not known, and
                not checked.

        Raises:
            GalleryError: the folder holds a gallery already.
        """
        cls(dim, model).save(folder)
        return cls.open(folder, model)

    @classmethod
    def open(cls, folder: Union[str, Path], model: Optional[str] = None, *,
             read_only: bool = False):
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

    def compact(self) -> None:
        """Forget removed images for good and write the file anew.

        The new file takes the place of the old one in one step: a crash
        leaves one or the other. Many small additions are joined, by which
        the gallery opens faster. An index is built again if images had been
        removed.

        Raises:
            GalleryError: the gallery is read-only.
        """
        with self._lock:
            self._check_writable()
            shrinks = len(self) < len(self._rows)

            def change():
                if shrinks:
                    self._index.forget()
                    self._rows.keep_live()

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

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
