"""Embeddings of images by a trained model."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmreidmix.apis.deploy.export import export_onnx
from mmreidmix.apis.deploy.inference_backends import OnnxEncoder, TorchEncoder
from mmreidmix.checks import check_choice, check_count
from mmreidmix.datasets.transforms import ImageReadError
from mmreidmix.registry import INFERENCERS

from .comparison import Comparison, decide
from .images import ImageLike, Preparation, list_images
from .trained_model import existing_file, load_trained_model

BACKENDS = ('torch', 'onnxruntime')


@INFERENCERS.register_module()
class ReIDInferencer:
    """Turns images of people into embeddings and compares them.

    Args:
        model (str | Path): a checkpoint of this project, which carries config
            and preparation; a config file with ``weights``; or a model
            exported to ``.onnx``.
        weights (str | Path, optional): checkpoint of a config file.
        device (str, optional): 'cpu', 'cuda', 'cuda:1'. Defaults to a GPU
            where there is one.
        backend (str): 'torch' or 'onnxruntime'; an ``.onnx`` file always runs
            in the latter. Defaults to 'torch'.
        batch_size (int): images per forward pass. Defaults to 64.
        amp (bool, optional): bfloat16 or float32, with 'torch'. Defaults to
            bfloat16 where that is faster.
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
        precision (str): number format of the embedding, 'bf16', 'fp32' or, of
            a quantized model, 'int8'.

    For instance::

        inferencer = ReIDInferencer('epoch_60.pth')
        inferencer(['a.jpg', 'b.jpg'])  # (2, 2048)
    """

    def __init__(self,
                 model: Union[str, Path],
                 weights: Union[str, Path, None] = None,
                 device: Optional[str] = None,
                 backend: str = 'torch',
                 batch_size: int = 64,
                 amp: Optional[bool] = None,
                 compile: bool = False):
        check_choice(self, BACKENDS, backend=backend)
        check_count(self, 1, batch_size=batch_size)
        self.batch_size = batch_size
        exported = Path(model).suffix == '.onnx'
        if exported and weights is not None:
            raise ValueError(f'`weights` belongs to a config file (.py), got '
                             f'{model}, which has its own')
        if not exported and backend == 'torch':
            device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
            trained = load_trained_model(model, weights, device)
            self.encoder = TorchEncoder(trained.model, device, amp, compile)
            description = trained.description()
        elif amp or compile:
            raise ValueError('amp and compile are for the backend torch')
        else:
            content = str(existing_file(model)) if exported else export_onnx(
                load_trained_model(model, weights, 'cpu'))
            self.encoder = OnnxEncoder(content, device=device)
            description = self.encoder.description
        self.precision = self.encoder.precision
        self.prepare = Preparation(description['pipeline'])
        self.thresholds = description['thresholds']
        self.facts = description['facts']
        self.sha256 = description['sha256']

    def __call__(self, images: Union[ImageLike, Sequence[ImageLike]]
                 ) -> np.ndarray:
        """Embed images.

        Args:
            images: an image or a sequence of them: paths, PIL images, or RGB
                arrays (H, W, 3) of uint8, of any sizes; or a folder, whose
                images are taken in the order of :func:`list_images`.

        Returns:
            np.ndarray: (N, D) float32 of unit length.

        Raises:
            ImageReadError: a file is missing or damaged.
            ValueError: there is no image, or an array is none.
        """
        return self._embed(_as_list(images))[0]

    def folder(self, folder: Union[str, Path], skip_damaged: bool = False
               ) -> tuple[list[str], np.ndarray]:
        """Embed the images below a folder.

        Args:
            folder (str | Path): of images at any depth.
            skip_damaged (bool): leave damaged files out, with a warning, in
                place of an error.

        Returns:
            tuple[list[str], np.ndarray]: paths below the folder, and their
            embeddings (N, D) float32 of unit length.

        Raises:
            FileNotFoundError: no such folder, or no image in it.
            ImageReadError: a damaged file, or all are.
        """
        names = list_images(folder)
        embeddings, damaged = self._embed(
            [Path(folder, name) for name in names], skip_damaged)
        if damaged:
            first = next(iter(damaged.values()))
            if len(damaged) == len(names):
                raise ImageReadError(
                    f'all of {len(names)} images are damaged: {first}')
            print_log(
                f'{len(damaged):,} of {len(names):,} images below {folder} '
                f'are damaged and left out, the first: {first}',
                logger='current',
                level=logging.WARNING)
        return [name for i, name in enumerate(names)
                if i not in damaged], embeddings

    def readable(self, images: Sequence[ImageLike]
                 ) -> tuple[np.ndarray, dict[int, Exception]]:
        """Embed those images that can be read.

        Returns:
            tuple[np.ndarray, dict[int, Exception]]: embeddings of the images
            that can be read, in their order, (M, D) float32 of unit length,
            (0, 0) if none can; and what is wrong with the others, by their
            position.
        """
        return self._embed(_as_list(images), skip_damaged=True)

    def tracklets(self, tracklets: Sequence) -> np.ndarray:
        """Embed tracklets: the mean of the embeddings of their images.

        Args:
            tracklets (Sequence): of each its images, as in
                :meth:`__call__`.

        Returns:
            np.ndarray: (T, D) float32 of unit length.

        Raises:
            ValueError: there is no tracklet, or one has no image.
        """
        if not len(tracklets):
            raise ValueError('there is no tracklet to embed')
        lists = [_as_list(tracklet) for tracklet in tracklets]
        embeddings = self([image for images in lists for image in images])
        starts = np.cumsum([0] + [len(images) for images in lists[:-1]])
        sums = np.add.reduceat(embeddings, starts)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def compare(self, first: Union[ImageLike, Sequence[ImageLike]],
                second: Union[ImageLike, Sequence[ImageLike]],
                fmr: Optional[float] = None) -> Comparison:
        """Decide whether two images, or lists of images, show one person.

        Args:
            first: one or several images of a person.
            second: likewise.
            fmr (float, optional): wanted false-match rate, one that the model
                was calibrated for; default: the highest of them.

        Raises:
            ValueError: the model has no threshold of this rate.
        """
        one, other = self.tracklets([first, second])
        return decide(float(one @ other), self.thresholds, fmr)

    def _embed(self, images: list, skip_damaged: bool = False
               ) -> tuple[np.ndarray, dict[int, Exception]]:
        """Embeddings, and errors by position if damaged ones are skipped."""
        parts, damaged = [], {}
        with ThreadPoolExecutor() as pool:
            for begin in range(0, len(images), self.batch_size):
                batch = images[begin:begin + self.batch_size]
                prepared = []
                for i, image in enumerate(pool.map(self._load, batch), begin):
                    if not isinstance(image, Exception):
                        prepared.append(image)
                    elif skip_damaged:
                        damaged[i] = image
                    else:
                        raise image
                if prepared:
                    parts.append(self.encoder(prepared))
        return np.concatenate(parts) if parts else np.empty(
            (0, 0), np.float32), damaged

    def _load(self, image: ImageLike) -> Union[np.ndarray, Exception]:
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
        raise ValueError('there is no image to embed: the sequence is empty')
    return found
