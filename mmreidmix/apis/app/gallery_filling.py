"""From folders of images to a gallery, part by part."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmreidmix.apis.gallery import (
    BaseGallery,
    GalleryError,
    create_gallery,
    holds_gallery,
    open_gallery,
)
from mmreidmix.apis.images import list_images
from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.checks import check_count
from mmreidmix.datasets.transforms import ImageReadError

from . import PART
from .path_parsing import PathLabels, PathReader

#: Name of an image -> where it is.
Address = Callable[[str], Union[str, Path]]
#: Names of images -> what is known of them.
Reader = Callable[[Sequence[str]], PathLabels]


class Part(NamedTuple):
    """Embeddings (M, D) of a part of the images, those that could be read.

    ``damaged`` says what is wrong with each of the others.
    """

    names: list[str]
    embeddings: np.ndarray
    damaged: list[str]


class Extraction(NamedTuple):
    """What became of the images.

    Attributes:
        added (int): embedded and added to the gallery.
        known (int): in the gallery already and not embedded again.
        damaged (list[str]): what is wrong with each image that is left out;
            begins with its path.
    """

    added: int
    known: int
    damaged: list[str]


def find_images(places: Sequence[Union[str, Path]],
                root: Union[str, Path, None] = None
                ) -> tuple[Path, list[str]]:
    """Images of files and folders of any depth, by names below one root.

    Args:
        places (Sequence[str | Path]): files and folders.
        root (str | Path, optional): folder that the names start from.
            Default: the innermost folder that holds all places.

    Returns:
        tuple[Path, list[str]]: the root, and '/'-separated names below it,
        sorted, none twice.

    Raises:
        FileNotFoundError: a place does not exist or holds no image.
        ValueError: a place is not below the root.
    """
    paths = [Path(os.path.abspath(place)) for place in places]
    folders = [p if p.is_dir() else p.parent for p in paths]
    root = Path(os.path.commonpath(folders) if root is None
                else os.path.abspath(root))
    names: set[str] = set()
    for place in paths:
        if not place.is_relative_to(root):
            raise ValueError(f'{place} is not below the root {root}')
        if not place.exists():
            raise FileNotFoundError(f'no image or folder {place}')
        below = [place / name for name in list_images(place)] if (
            place.is_dir()) else [place]
        names.update(path.relative_to(root).as_posix() for path in below)
    return root, sorted(names)


def embedded_parts(inferencer: ReIDInferencer, address: Address,
                   names: Sequence[str], size: int = PART,
                   cameras: Optional[np.ndarray] = None) -> Iterator[Part]:
    """Embed images, ``size`` of them at a time; ``address`` finds them.

    So memory stays bounded. ``cameras`` (n,) are used by an inferencer with
    camera profiles alone.
    """
    if inferencer.profiles is None:
        cameras = None
    check_count('embedded_parts', 1, size=size)
    for first in range(0, len(names), size):
        part = names[first:first + size]
        embeddings, damaged = inferencer.readable(
            [address(name) for name in part],
            None if cameras is None else cameras[first:first + size])
        yield Part([n for i, n in enumerate(part) if i not in damaged],
                   embeddings, [str(error) for error in damaged.values()])


def extract_to_gallery(inferencer: ReIDInferencer,
                       address: Address,
                       names: Sequence[str],
                       folder: Union[str, Path],
                       reader: Optional[Reader] = None,
                       part_size: int = PART,
                       report: Callable = lambda done, total: None,
                       store: Optional[str] = None) -> Extraction:
    """Embed images and add them to a gallery, which is made if missing.

    Every part is on the disk before the next is begun: after a crash the
    same call goes on where it ended.

    Args:
        inferencer (ReIDInferencer): makes the embeddings.
        address (Callable): name of an image -> where it is, such as
            ``root.joinpath``.
        names (Sequence[str]): of images; those in the gallery are left out.
        folder (str | Path): of the gallery; with ``store`` its name.
        reader (Callable, optional): names -> cameras, times and tracklets.
        part_size (int): images of a part.
        report (Callable): is called after each part with the number of images
            done and that of all.
        store (str, optional): server of the gallery, see
            :func:`~mmreidmix.apis.open_gallery`. Others may add to it at the
            same time.

    Raises:
        GalleryError: the gallery is of another model, damaged, or open for
            writing elsewhere.
        ImageReadError: there is no gallery and all images are damaged.
        ValueError: paths do not follow the pattern.
    """
    reader = reader or PathReader()
    cameras = reader(names).camids  # and refuse wrong paths
    gallery = open_gallery(folder, inferencer.sha256, store=store) if (
        holds_gallery(folder, store)) else None
    missing = np.arange(len(names)) if gallery is None else np.flatnonzero(
        gallery.ids_of(names) < 0)
    fresh, cameras = [names[i] for i in missing], cameras[missing]
    known, done, damaged = len(names) - len(fresh), 0, []
    try:
        for part in embedded_parts(
                inferencer, address, fresh, part_size, cameras):
            damaged += part.damaged
            if part.names:
                if gallery is None:
                    gallery = _make_gallery(folder, part.embeddings.shape[1],
                                            inferencer.sha256, store)
                labels = reader(part.names)
                # What another writer added meanwhile.
                known += int((gallery.ids_of(part.names) >= 0).sum())
                gallery.add(part.embeddings, part.names, labels.camids,
                            labels.times, labels.tracklets, skip_known=True)
            done += len(part.names) + len(part.damaged)
            report(done, len(fresh))
    finally:
        if gallery is not None:
            gallery.close()
    if gallery is None:
        raise ImageReadError(f'all of {len(names):,} images are damaged, '
                             f'no gallery is made: {damaged[0]}')
    return Extraction(len(names) - known - len(damaged), known, damaged)


def _make_gallery(folder: Union[str, Path], dim: int, model: str,
                  store: Optional[str]) -> BaseGallery:
    try:
        return create_gallery(folder, dim, model, store=store)
    except GalleryError:
        if store is None or not holds_gallery(folder, store):
            raise
        return open_gallery(folder, model, store=store)  # others made it
