"""Embeddings of pictures by a trained model."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional

import numpy as np
import torch
from mmengine.logging import print_log

from mmreidmix.apis.deploy.export import export_onnx
from mmreidmix.apis.deploy.inference_backends import OnnxEncoder, TorchEncoder
from mmreidmix.registry import INFERENCERS

from .comparison import Comparison, decide
from .images import ImageReadError, Preparation, batches, list_images
from .trained_model import load_trained_model

BACKENDS = ('torch', 'onnxruntime')


@INFERENCERS.register_module()
class ReIDInferencer:
    """Turns pictures of people into embeddings and compares them.

    Args:
        model (str | Path): a checkpoint of this project, which carries config
            and preparation; a config file with ``weights``; or a model
            exported to ``.onnx``.
        weights (str | Path, optional): checkpoint of a config file.
        device (str, optional): 'cpu', 'cuda', 'cuda:1'. Defaults to a GPU
            where there is one.
        backend (str): 'torch' or 'onnxruntime'; an ``.onnx`` file always runs
            in the latter. Defaults to 'torch'.
        batch_size (int): pictures per forward pass. Defaults to 64.
        amp (bool): bfloat16, with 'torch'. Defaults to False.
        compile (bool): ``torch.compile``, with 'torch'. Defaults to False.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an option is out of its range, or what
            :func:`load_trained_model` and :class:`OnnxEncoder` raise.

    Attributes:
        sha256 (str): of the weights; embeddings of different models can not
            be compared.
        thresholds (dict, optional): what ``calibrate.py`` stored.
        facts (dict): what the model was trained on.

    Examples:
        >>> inferencer = ReIDInferencer('epoch_60.pth')
        >>> inferencer(['a.jpg', 'b.jpg']).shape
        (2, 2048)
    """

    def __init__(self,
                 model,
                 weights=None,
                 device: Optional[str] = None,
                 backend: str = 'torch',
                 batch_size: int = 64,
                 amp: bool = False,
                 compile: bool = False):
        if backend not in BACKENDS:
            raise ValueError(f'backend must be one of {BACKENDS}, got '
                             f'{backend!r}')
        if batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got '
                             f'{batch_size}')
        self.batch_size = batch_size
        exported = Path(model).suffix == '.onnx'
        if exported and weights is not None:
            raise ValueError(f'`weights` belongs to a config file (.py), got '
                             f'{model}, which has its own')
        if (exported or backend == 'onnxruntime') and (amp or compile):
            raise ValueError('amp and compile are for the backend torch')
        if exported:
            if not Path(model).is_file():
                raise FileNotFoundError(f'no file {model}')
            self._use_onnx(str(model), device)
            return
        if backend == 'onnxruntime':
            trained = load_trained_model(model, weights, 'cpu')
            self._use_onnx(export_onnx(trained), device)
            return
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        trained = load_trained_model(model, weights, device)
        self.sha256 = trained.sha256
        self.thresholds = trained.thresholds
        self.facts = trained.facts
        self.prepare = Preparation(trained.pipeline)
        self.encoder = TorchEncoder(trained.model, device, amp, compile)

    def _use_onnx(self, model, device) -> None:
        self.encoder = OnnxEncoder(model, device=device)
        described = self.encoder.description
        self.sha256 = described['sha256']
        self.thresholds = described['thresholds']
        self.facts = described['facts']
        self.prepare = Preparation(described['pipeline'])

    def __call__(self, images) -> np.ndarray:
        """Embed pictures.

        Args:
            images: a picture or a sequence of them: paths, PIL images, or RGB
                arrays (H, W, 3) of uint8, of any sizes; or a folder, whose
                pictures are taken in the order of :func:`list_images`.

        Returns:
            np.ndarray: unit-length rows, shape (N, D), float32.

        Raises:
            ImageReadError: a file is missing or damaged.
            ValueError: there is no picture, or an array is none.
        """
        return self._embed(_as_list(images))

    def folder(self, folder, skip_damaged: bool = False):
        """Embed the pictures below a folder.

        Args:
            folder (str | Path): it.
            skip_damaged (bool): leave damaged files out, with a warning, in
                place of an error.

        Returns:
            tuple[list[str], np.ndarray]: paths below the folder, and
            unit-length rows of these, shape (N, D), float32.

        Raises:
            FileNotFoundError: no such folder, or no picture in it.
            ImageReadError: a damaged file, or all are.
        """
        names = list_images(folder)
        damaged: Optional[list] = [] if skip_damaged else None
        rows = self._embed([Path(folder, name) for name in names], damaged)
        if damaged:
            print_log(
                f'{len(damaged):,} of {len(names):,} pictures below {folder} '
                f'are damaged and left out: {damaged[0][1]}'
                f'{", ..." if len(damaged) > 1 else ""}',
                logger='current',
                level=logging.WARNING)
            lost = {number for number, _ in damaged}
            names = [n for i, n in enumerate(names) if i not in lost]
        return names, rows

    def readable(self, images: Sequence):
        """Embed those of some pictures that can be read.

        Args:
            images (Sequence): as in :meth:`__call__`.

        Returns:
            tuple[np.ndarray, dict[int, Exception]]: unit-length rows of the
            pictures that can be read, in their order, shape (M, D), float32,
            (0, 0) if none can; and what is wrong with the others, by their
            position.
        """
        damaged: list = []
        parts = self._parts(_as_list(images), damaged)
        rows = np.concatenate(parts) if parts else np.empty((0, 0), 'f4')
        return rows, dict(damaged)

    def tracklets(self, tracklets: Sequence) -> np.ndarray:
        """One embedding of each tracklet: the mean of its pictures'.

        Args:
            tracklets (Sequence): of each its pictures, as in
                :meth:`__call__`.

        Returns:
            np.ndarray: unit-length rows, shape (T, D), float32.

        Raises:
            ValueError: there is no tracklet, or one has no picture.
        """
        if not len(tracklets):
            raise ValueError('there is no tracklet to embed')
        lists = [_as_list(tracklet) for tracklet in tracklets]
        rows = self._embed([image for images in lists for image in images])
        starts = np.cumsum([0] + [len(images) for images in lists[:-1]])
        sums = np.add.reduceat(rows, starts)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def compare(self, first, second, fmr: Optional[float] = None
                ) -> Comparison:
        """Decide whether two pictures show one person.

        Args:
            first: a picture, or a list of pictures of one person.
            second: likewise.
            fmr (float, optional): wanted false-match rate, one that the model
                was calibrated for; default: the highest of them.

        Raises:
            ValueError: the model has no threshold of this rate.
        """
        first, second = self.tracklets([_as_list(first), _as_list(second)])
        return decide(float(first @ second), self.thresholds, fmr)

    def _embed(self, images: list, damaged: Optional[list] = None):
        parts = self._parts(images, damaged)
        if not parts:
            raise ImageReadError(f'all of {len(images)} pictures are damaged: '
                                 f'{damaged[0][1]}')
        return np.concatenate(parts)

    def _parts(self, images: list, damaged: Optional[list]):
        """Embed a list; collects (number, error) in ``damaged``, if given."""
        done, parts = 0, []
        with ThreadPoolExecutor() as pool:
            for batch in batches(images, self.batch_size):
                loaded = list(pool.map(self._load, batch))
                for number, image in enumerate(loaded, start=done):
                    if not isinstance(image, Exception):
                        continue
                    if damaged is None:
                        raise image
                    damaged.append((number, image))
                done += len(batch)
                whole = [i for i in loaded if not isinstance(i, Exception)]
                if whole:
                    parts.append(self.encoder(whole))
        return parts

    def _load(self, image):
        try:
            return self.prepare(image)
        except (ImageReadError, ValueError) as error:
            return error


def _as_list(images) -> list:
    if isinstance(images, (str, Path)) and Path(images).is_dir():
        return [Path(images, name) for name in list_images(images)]
    single = isinstance(images, (str, Path)) or hasattr(images, 'convert') or (
        isinstance(images, np.ndarray) and images.ndim < 4)
    found = [images] if single else list(images)
    if not found:
        raise ValueError('there is no picture to embed: the sequence is empty')
    return found
