"""Images of a gallery: added, removed, looked up."""

import threading
from collections.abc import Sequence
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from .checks import (
    checked_embeddings,
    checked_meta,
    checked_names,
    integers,
    unit_rows,
)
from .log_records import GalleryError
from .memory_table import Entry
from .state import GalleryState, add_record, remove_record


class GalleryImages:
    """Embeddings of images with names, ids, cameras, times and tracklets.

    Attributes:
        folder (Path, optional): where every change is kept.
        read_only (bool): whether it refuses changes.

    Args:
        dim (int): dimensions D of an embedding.
        model (str, optional): which model the embeddings are from.
    """

    def __init__(self, dim: int, model: Optional[str] = None):
        self._attach(GalleryState(dim, model))

    def _attach(self, state, folder=None, log=None, read_only=False):
        self._state = state
        self.folder = folder
        self.read_only = read_only
        self._log = log
        self._lock = threading.RLock()

    @property
    def dim(self) -> int:
        """Dimensions D of an embedding."""
        return self._state.dim

    @property
    def model(self) -> Optional[str]:
        """Which model the embeddings are from, None if not known."""
        return self._state.model

    @property
    def _rows(self):
        return self._state.rows

    def check_model(self, model: Optional[str]) -> None:
        """Refuse a model other than that of the gallery.

        Args:
            model (str, optional): None = not known: nothing is checked, as
                for a gallery that does not know its own.

        Raises:
            GalleryError: it is another one.
        """
        if None not in (model, self.model) and model != self.model:
            raise GalleryError(
                f'{self._name()} holds embeddings of the model {self.model}, '
                f'not of {model}: embeddings of two models cannot be '
                'compared. Use the first one, or embed the images again into '
                'another gallery')

    def __len__(self) -> int:
        """Count the images that are there."""
        return self._rows.num_live

    @property
    def ids(self) -> np.ndarray:
        """Ids of the images that are there, rising, (N,) int64."""
        with self._lock:
            return self._rows.meta['id'][self._rows.live]

    def ids_of(self, names: Sequence[str]) -> np.ndarray:
        """Ids of images by their names.

        Args:
            names (Sequence[str]): n names.

        Returns:
            np.ndarray: (n,) int64, -1 where there is no image of that name.
        """
        with self._lock:
            places = np.array([self._rows.place(str(n)) for n in names], int)
            ids = self._rows.meta['id']
            return np.array([ids[p] if p >= 0 else -1 for p in places], int)

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """What is known of some images.

        Raises:
            ValueError: an id is unknown.
        """
        with self._lock:
            return [self._rows.entry(place) for place in self._places(ids)]

    def embeddings(self, ids: Sequence[int]) -> np.ndarray:
        """Embeddings of some images, for instance to search for them.

        Returns:
            np.ndarray: (n, D) float32 of length 1.

        Raises:
            ValueError: an id is unknown.
        """
        with self._lock:
            return self._rows.vectors.take(self._places(ids))

    def add(self, embeddings, names: Sequence[str], camids=None, times=None,
            tracklets=None, *, skip_known: bool = False,
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
                self._skip(names, len(names) - len(fresh), skip_known)
                array = array[fresh]
            if len(fresh):
                meta['id'][fresh] = self._rows.next_id + np.arange(len(fresh))
                self._append(array, meta[fresh], [names[i] for i in fresh])
            return meta['id']

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
            places = np.unique(self._places(ids))
            if not len(places):
                return
            self._change(remove_record(self._rows.meta['id'][places]),
                         lambda: self._rows.remove(places))

    def _name(self):
        return 'the gallery' if self.folder is None else str(self.folder)

    def _check_writable(self):
        if self.read_only:
            raise GalleryError(f'{self._name()} is closed or was opened with '
                               'read_only=True and cannot be changed')

    def _places(self, ids):
        ids = integers(ids, 'ids')
        places = self._rows.positions(ids)
        unknown = ids[places < 0]
        if len(unknown):
            more = ', ...' if len(unknown) > 5 else ''
            raise ValueError(
                f'{len(unknown)} ids are not in {self._name()}: '
                f'{", ".join(map(str, unknown[:5]))}{more}. Nothing was '
                'changed')
        return places

    def _skip(self, names, num, skip_known):
        if not skip_known:
            first = next(n for n in names if self._rows.place(n) >= 0)
            raise ValueError(
                f'{num} of {len(names)} names are in {self._name()} already, '
                f'the first is {first!r}: leave them out by skip_known=True, '
                'or remove them first. Nothing was added')
        print_log(f'{num} of {len(names)} images are in {self._name()} '
                  'already and were skipped', 'current')

    def _change(self, record, change):
        """Put a change on the disk, then make it in memory."""
        if self._log is None:
            change()
        else:
            self._log.append(*record, change)

    def _append(self, array, meta, names):
        places = self._rows.vectors.room(len(array))
        unit_rows(array, places)
        self._change(add_record(names, meta, places),
                     lambda: self._rows.append(meta, names))
