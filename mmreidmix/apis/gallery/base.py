"""What every gallery can do, wherever it keeps its images."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Optional, TypeVar, Union

import numpy as np
import torch
from mmengine.logging import print_log

from .image_table import Entry
from .log_records import GalleryError

_Gallery = TypeVar('_Gallery', bound='BaseGallery')
Embeddings = Union[np.ndarray, torch.Tensor]


class BaseGallery(ABC):
    """The interface of galleries.

    :class:`Gallery` keeps its images in memory or in a folder,
    :class:`PostgresGallery` in a database. Both take the same arguments,
    give the same results and raise the same errors; they are described at
    :class:`Gallery`.

    Attributes:
        dim (int): dimensions D of an embedding.
        model (str, optional): which model makes the embeddings.
        read_only (bool): whether it refuses changes.
    """

    dim: int
    model: Optional[str]
    read_only: bool

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the images are, for messages; never with a password."""

    @property
    @abstractmethod
    def num_removed(self) -> Optional[int]:
        """Removed images that :meth:`compact` has not forgotten yet.

        None where the place does not count them.
        """

    @property
    @abstractmethod
    def ids(self) -> np.ndarray:
        """Ids of the images that are there, rising, (N,) int64."""

    @abstractmethod
    def __len__(self) -> int:
        """Count the images that are there."""

    @abstractmethod
    def disk_size(self) -> int:
        """Bytes on the disk, with indexes."""

    @abstractmethod
    def ids_of(self, names: Sequence[str]) -> np.ndarray:
        """Ids of images by n names: (n,) int64, -1 where there is none."""

    @abstractmethod
    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """What is known of images."""

    @abstractmethod
    def embeddings(self, ids: Sequence[int]) -> np.ndarray:
        """Embeddings of images, (n, D) float32 of length 1."""

    @abstractmethod
    def add(self, embeddings: Embeddings, names: Sequence[str],
            camids: Optional[Sequence[int]] = None,
            times: Optional[Sequence[float]] = None,
            tracklets: Optional[Sequence[int]] = None, *,
            skip_known: bool = False,
            model: Optional[str] = None) -> np.ndarray:
        """Add images; they outlast a crash when this returns."""

    @abstractmethod
    def remove(self, ids: Sequence[int]) -> None:
        """Remove images; they are found no more."""

    @abstractmethod
    def compact(self) -> None:
        """Forget removed images for good."""

    @abstractmethod
    def find(self, names: Optional[Sequence[str]] = None,
             **filters: Any) -> np.ndarray:
        """Ids of the images that pass every filter, rising, (n,) int64."""

    @abstractmethod
    def search(self, queries: Embeddings, topk: int = 10,
               camids: Optional[Sequence[int]] = None,
               exclude_camids: Optional[Sequence[int]] = None,
               times: Optional[tuple] = None, rerank: Optional[dict] = None,
               by_tracklet: bool = False,
               tracklets: Optional[Sequence[int]] = None) -> list[list]:
        """Find the most similar images: for each query a list of `Match`."""

    @abstractmethod
    def build_index(self, kind: str, **options: int) -> None:
        """Choose how images are searched, and build the index for it."""

    @abstractmethod
    def tune_index(self, **options: int) -> None:
        """Change how much of the index a search goes through."""

    @abstractmethod
    def recall(self, topk: int = 10, sample: int = 200,
               seed: int = 0) -> float:
        """Measure the share of the true neighbours that a search finds."""

    @abstractmethod
    def close(self) -> None:
        """Take no more changes, and let go of what is open."""

    def count(self, **filters: Any) -> int:
        """Count the images that pass the filters of :meth:`find`."""
        return len(self.find(**filters))

    def check_model(self, model: Optional[str]) -> None:
        """Refuse a model other than that of the gallery.

        Nothing is checked where one of the two is None, that is, not known.

        Raises:
            GalleryError: it is another one.
        """
        if None not in (model, self.model) and model != self.model:
            raise GalleryError(
                f'{self.place} holds embeddings of the model {self.model}, '
                f'not of {model}: embeddings of two models cannot be '
                'compared. Use the first one, or embed the images again into '
                'another gallery')

    def __enter__(self: _Gallery) -> _Gallery:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check_writable(self) -> None:
        if self.read_only:
            raise GalleryError(f'{self.place} is closed or was opened with '
                               'read_only=True and cannot be changed')

    def _check_not_empty(self, what: str) -> None:
        if not len(self):
            raise GalleryError(f'{self.place} is empty: there is nothing to '
                               f'{what}. Add embeddings first')

    def _report_known(self, known: list[str], num: int,
                      skip_known: bool) -> None:
        """Refuse names that are there already, or log how many they are."""
        if not skip_known:
            raise ValueError(
                f'{len(known)} of {num} names are in {self.place} already, '
                f'the first is {known[0]!r}: leave them out by '
                'skip_known=True, or remove them first. Nothing was added')
        print_log(f'{len(known)} of {num} images are in {self.place} '
                  'already and were skipped', 'current')
