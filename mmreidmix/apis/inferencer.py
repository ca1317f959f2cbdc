"""Embeddings of images by a trained model."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmreidmix.apis.deploy.inference_backends import (
    TorchEncoder,
    run_exported,
)
from mmreidmix.apis.deploy.onnx_file import export_onnx
from mmreidmix.camera_profiles import PSEUDO_COUNT, CameraProfiles
from mmreidmix.checks import check_choice, check_count, check_device
from mmreidmix.choices import EXPORTED, INFERENCE_BACKENDS, RUN_BY
from mmreidmix.datasets.transforms import ImageReadError
from mmreidmix.models.batch_norm import (
    batch_norm_of,
    estimate_batch_norm,
    load_batch_norm,
    shuffled_batches,
)
from mmreidmix.registry import INFERENCERS

from .comparison import Comparison, decide
from .images import ImageLike, Preparation, list_images
from .model_store import model_file
from .trained_model import existing_file, load_trained_model


@INFERENCERS.register_module()
class ReIDInferencer:
    """Turns images of people into embeddings and compares them.

    Args:
        model (str | Path): a checkpoint of this project, which carries config
            and preparation, or the folder or ``hub:OWNER/NAME`` where
            ``store_model.py`` has put it; a config file with ``weights``; or
            an exported model, ``.onnx``, ``.xml`` or ``.pt2``.
        weights (str | Path, optional): checkpoint of a config file.
        device (str, optional): 'cpu', 'cuda', 'cuda:1'. Defaults to a GPU
            where there is one.
        backend (str): 'torch', 'onnxruntime' or, on the CPU, 'openvino'. An
            ``.onnx`` file runs in the last two, by default in the first of
            them, an ``.xml`` file in the last. A ``.pt2`` file needs
            'torch.export', because PyTorch may run code of it: only for files
            that are trusted. Defaults to 'torch'.
        batch_size (int): images per forward pass. Defaults to 64.
        amp (bool, optional): bfloat16 or float32, with 'torch'. Defaults to
            bfloat16 where that is faster.
        compile (bool): ``torch.compile``, with 'torch'. Defaults to False.
        profiles (CameraProfiles | str | Path, optional): standardise the
            embeddings per camera by these, or by those of a file of
            :meth:`make_profiles`. There are no thresholds then: those of the
            model are of embeddings that are not standardised.
        camera (str, optional): the camera of images of which a call does not
            name it. One that the profiles do not know gets those of the
            site. Defaults to None, which is such a camera.
        channel_order (str): of images that are arrays: 'rgb', or 'bgr' as
            OpenCV reads them. Defaults to 'rgb'.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an option is out of its range, or what
            :func:`load_trained_model`, :class:`OnnxEncoder` and
            :class:`OpenVinoEncoder` raise.

    Attributes:
        sha256 (str): of the weights, or with profiles of both; embeddings of
            different ones can not be compared.
        profiles (CameraProfiles, optional): as given.
        thresholds (dict, optional): what ``calibrate.py`` stored.
        facts (dict): what the model was trained on.
        precision (str): number format of the embedding, 'bf16', 'fp32',
            'fp16' or, of a quantized model, 'int8'.

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
                 compile: bool = False,
                 profiles: Union[CameraProfiles, str, Path, None] = None,
                 camera: Optional[str] = None,
                 channel_order: str = 'rgb'):
        check_choice(self, INFERENCE_BACKENDS, backend=backend)
        check_choice(self, ('rgb', 'bgr'), channel_order=channel_order)
        check_count(self, 1, batch_size=batch_size)
        self.batch_size = batch_size
        model = model_file(model)
        suffix = model.suffix
        if suffix in RUN_BY and weights is not None:
            raise ValueError(f'`weights` belongs to a config file (.py), got '
                             f'{model}, which has its own')
        if suffix in EXPORTED and backend == 'torch':
            backend = RUN_BY[suffix][0]
        if backend == 'torch':
            device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
            check_device(self, device)
            trained = load_trained_model(model, weights, device)
            self.encoder = TorchEncoder(trained.model, device, amp, compile)
            description = trained.description()
        elif amp or compile:
            raise ValueError('amp and compile are for the backend torch')
        else:
            if backend == 'torch.export' and suffix not in RUN_BY:
                raise ValueError("the backend 'torch.export' runs .pt2 "
                                 f'files, got {model}')
            exported = existing_file(model) if suffix in RUN_BY else (
                export_onnx(load_trained_model(model, weights, 'cpu')))
            self.encoder = run_exported(exported, backend, device)
            description = self.encoder.description
        self.precision = self.encoder.precision
        self.prepare = Preparation(description['pipeline'], channel_order)
        self.thresholds = description['thresholds']
        self.facts = description['facts']
        self.sha256 = description['sha256']
        self.profiles: Optional[CameraProfiles] = None
        self.camera = camera
        if profiles is not None:
            self._use(profiles)
        elif camera is not None:
            self._refuse_camera()

    def _use(self, profiles: Union[CameraProfiles, str, Path]) -> None:
        if not isinstance(profiles, CameraProfiles):
            profiles = CameraProfiles.load(profiles)
        profiles.check_model(self.sha256)
        if profiles.batch_norm:
            load_batch_norm(self._network(), profiles.batch_norm)
        self.profiles = profiles
        self.sha256 = profiles.fingerprint
        self.thresholds = None

    def _network(self) -> torch.nn.Module:
        if not isinstance(self.encoder, TorchEncoder):
            raise ValueError('batch-norm statistics of a site need the '
                             "backend 'torch' and a checkpoint: those of an "
                             'exported model are fixed')
        return self.encoder.model

    def _refuse_camera(self) -> None:
        raise ValueError('ReIDInferencer: `camera` is for camera profiles: '
                         'give `profiles` too')

    def make_profiles(self, images: Union[ImageLike, Sequence[ImageLike]],
                      cameras: Union[str, Sequence], *,
                      batch_norm: bool = False, site: str = '',
                      pseudo_count: float = PSEUDO_COUNT) -> CameraProfiles:
        """Profiles of the cameras of a site, from images without labels.

        Args:
            images: see :meth:`__call__`.
            cameras (str | Sequence): the camera of all images, or of each.
            batch_norm (bool): re-estimate the batch-norm statistics on the
                images first, and keep them with the profiles. The inferencer
                itself does not change.
            site (str): name of the site.
            pseudo_count (float): see :class:`CameraProfiles`.

        Raises:
            ImageReadError: a file is missing or damaged.
            ValueError: there is no image or not a camera for each, or the
                inferencer has profiles already.
        """
        if self.profiles is not None:
            raise ValueError('make camera profiles with an inferencer that '
                             'has none')
        images = _as_list(images)
        cameras = _one_each(cameras, len(images))
        facts: dict = dict(site=site, model=self.sha256)
        if not batch_norm:
            return CameraProfiles.from_embeddings(
                self._raw(images)[0], cameras, pseudo_count, **facts)
        model = self._network()
        facts['batch_norm'] = estimate_batch_norm(
            model, self._batches(images))
        with batch_norm_of(model, facts['batch_norm']):
            return CameraProfiles.from_embeddings(
                self._raw(images)[0], cameras, pseudo_count, **facts)

    def extended_profiles(self, images: Union[ImageLike, Sequence[ImageLike]],
                          cameras: Union[str, Sequence]) -> CameraProfiles:
        """The inferencer's profiles with further images, without labels.

        They come in addition to those the profiles were made of, and with
        the same batch-norm statistics. The inferencer does not change.

        Args:
            images: see :meth:`__call__`.
            cameras (str | Sequence): the camera of all images, or of each.

        Raises:
            ImageReadError: a file is missing or damaged.
            ValueError: not a camera for each, or there are no profiles.
        """
        if self.profiles is None:
            raise ValueError('the inferencer has no camera profiles to extend')
        images = _as_list(images)
        return self.profiles.updated(
            self._raw(images)[0], _one_each(cameras, len(images)))

    def _batches(self, images: list) -> Iterator[torch.Tensor]:
        with ThreadPoolExecutor() as pool:
            for batch in shuffled_batches(len(images), self.batch_size):
                yield self.encoder.normalise(list(pool.map(
                    self.prepare, (images[i] for i in batch))))

    def __call__(self, images: Union[ImageLike, Sequence[ImageLike]],
                 camera: Union[str, Sequence, None] = None) -> np.ndarray:
        """Embed images.

        Args:
            images: an image or a sequence of them: paths, PIL images, or RGB
                arrays (H, W, 3) of uint8, of any sizes; or a folder, whose
                images are taken in the order of :func:`list_images`.
            camera (str | Sequence, optional): with camera profiles: the
                camera of all images, or of each.

        Returns:
            np.ndarray: (N, D) float32 of unit length.

        Raises:
            ImageReadError: a file is missing or damaged.
            ValueError: there is no image, an array is none, or there is not a
                camera for each.
        """
        return self._embed(_as_list(images), camera=camera)[0]

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

    def readable(self, images: Sequence[ImageLike],
                 camera: Union[str, Sequence, None] = None
                 ) -> tuple[np.ndarray, dict[int, Exception]]:
        """Embed those images that can be read; see :meth:`__call__`.

        Returns:
            tuple[np.ndarray, dict[int, Exception]]: embeddings of the images
            that can be read, in their order, (M, D) float32 of unit length,
            (0, 0) if none can; and what is wrong with the others, by their
            position.
        """
        return self._embed(_as_list(images), skip_damaged=True, camera=camera)

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

    def _embed(self, images: list, skip_damaged: bool = False,
               camera: Union[str, Sequence, None] = None
               ) -> tuple[np.ndarray, dict[int, Exception]]:
        """As :meth:`_raw`, standardised where there are profiles."""
        if camera is not None and self.profiles is None:
            self._refuse_camera()
        cameras = _one_each(
            self.camera or '' if camera is None else camera, len(images))
        rows, damaged = self._raw(images, skip_damaged)
        if self.profiles is not None and len(rows):
            rows = self.profiles.apply(rows, np.delete(cameras, [*damaged]))
        return rows, damaged

    def _raw(self, images: list, skip_damaged: bool = False
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


def _one_each(cameras: Union[str, Sequence], num: int) -> np.ndarray:
    cameras = np.asarray(cameras)
    if cameras.ndim and cameras.shape != (num, ):
        raise ValueError(f'expected a camera for each of {num} images, got '
                         f'{cameras.shape}')
    return np.broadcast_to(cameras, num)


def _as_list(images) -> list:
    if isinstance(images, torch.Tensor):
        images = images.cpu().numpy()
    if isinstance(images, (str, Path)) and Path(images).is_dir():
        return [Path(images, name) for name in list_images(images)]
    single = isinstance(images, (str, Path)) or hasattr(images, 'convert') or (
        isinstance(images, np.ndarray) and images.ndim < 4)
    found = [images] if single else list(images)
    if not found:
        raise ValueError('there is no image to embed: the sequence is empty')
    return found
