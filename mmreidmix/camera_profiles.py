"""What is usual for the embeddings of a camera, and how to take it out.

Two images of one camera share its light, its angle and its background, so
that their embeddings are alike whoever is on them. The mean and the deviation
of a camera's embeddings, which need no labels, say how; embeddings from which
they are taken out compare people better across cameras.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmreidmix.checks import check_at_least, name_some
from mmreidmix.files import read_arrays, replace_file

FORMAT_VERSION = 1
ARRAYS = ('format_version', 'cameras', 'counts', 'means', 'variances',
          'pseudo_count', 'site', 'model')
_BATCH_NORM = 'batch_norm/'

#: Marks scores with profiles of the tested images, without their labels.
TESTED_PROFILES = '+tested-profiles'
#: Images that the site counts for beside those of a camera.
PSEUDO_COUNT = 10.0
#: Images without any structure that count beside those of the site.
SITE_PSEUDO_COUNT = 1.0
#: Power of the deviation that embeddings are divided by. With 1, dimensions
#: that hardly vary count as much as all others.
EXPONENT = 0.75
#: What is next to nothing, as a share of a typical entry of a row.
NEXT_TO_NOTHING = 1e-3


class CameraProfiles:
    """Mean and variance of the embeddings of each camera of a site.

    A site is what is searched together: a domain, a gallery, a building. Its
    own mean and variance are those of all its images, and of one more that
    would change nothing, of mean 0 and variance 1 / D: so profiles of a
    handful of images do no harm. A camera of n images counts for
    n / (n + pseudo_count) of its profile, the site for the rest; a camera
    that is not known gets those of the site.

    Args:
        cameras (np.ndarray): (K,) names of cameras, sorted; text.
        counts (np.ndarray): (K,) images of each.
        means (np.ndarray): (K, D) mean of the embeddings of each.
        variances (np.ndarray): (K, D) their variance.
        pseudo_count (float): images that the site counts for.
        site (str): name of the site.
        model (str, optional): SHA-256 of the weights that made the
            embeddings; None = not known, and not checked.
        batch_norm (Mapping[str, np.ndarray], optional): batch-norm statistics
            of the site, by name in the model. The embeddings are made with
            them, see :mod:`mmreidmix.models.batch_norm`.

    Raises:
        ValueError: ``pseudo_count`` is below 0.

    For instance::

        profiles = CameraProfiles.from_embeddings(embeddings, camids)
        standardised = profiles.apply(embeddings, camids)
    """

    def __init__(self,
                 cameras: np.ndarray,
                 counts: np.ndarray,
                 means: np.ndarray,
                 variances: np.ndarray,
                 pseudo_count: float = PSEUDO_COUNT,
                 site: str = '',
                 model: Optional[str] = None,
                 batch_norm: Optional[Mapping[str, np.ndarray]] = None):
        check_at_least(self, 0, pseudo_count=pseudo_count)
        self.cameras = np.asarray(cameras, str)
        self.counts = np.asarray(counts, np.int64)
        self.means = np.asarray(means, np.float64)
        self.variances = np.asarray(variances, np.float64)
        self.pseudo_count = pseudo_count
        self.site = site
        self.model = model
        self.batch_norm = dict(batch_norm or {})

    @classmethod
    def from_embeddings(cls,
                        embeddings: np.ndarray,
                        cameras: np.ndarray,
                        pseudo_count: float = PSEUDO_COUNT,
                        **facts: Any) -> 'CameraProfiles':
        """Profiles of the cameras of some images, without labels.

        Args:
            embeddings (np.ndarray): (N, D) rows of unit length.
            cameras (np.ndarray): (N,) camera of each: text or integers.
            pseudo_count (float): see the class.
            **facts: ``site``, ``model`` and ``batch_norm`` of the class.

        Raises:
            ValueError: there is no image, or not a camera for each.
        """
        _check_rows(embeddings, cameras)
        if not len(embeddings):
            raise ValueError('there is no image to make camera profiles of')
        names, groups = zip(*_rows_by_camera(cameras))
        means, variances = zip(*(
            _mean_and_variance(embeddings[rows]) for rows in groups))
        return cls(np.array(names), np.array([len(rows) for rows in groups]),
                   np.stack(means), np.stack(variances), pseudo_count,
                   **facts)

    def updated(self, embeddings: np.ndarray,
                cameras: np.ndarray) -> 'CameraProfiles':
        """Profiles of the images so far and of further ones.

        They are those of all images at once (Chan, Golub and LeVeque, 1983).

        Args:
            embeddings (np.ndarray): (N, D) rows of unit length.
            cameras (np.ndarray): (N,) camera of each.

        Raises:
            ValueError: there is no image, not a camera for each, or another
                width than before.
        """
        self._check_width(embeddings)
        new = self.from_embeddings(embeddings, cameras)
        names, camera = np.unique(
            np.concatenate([self.cameras, new.cameras]), return_inverse=True)
        counts = np.concatenate([self.counts, new.counts])
        means = np.concatenate([self.means, new.means])
        variances = np.concatenate([self.variances, new.variances])
        counts, means, variances = map(np.stack, zip(*(
            _merge(*(part[camera == k] for part in (counts, means, variances)))
            for k in range(len(names)))))
        return type(self)(names, counts, means, variances, self.pseudo_count,
                          self.site, self.model, self.batch_norm)

    def apply(self, embeddings: np.ndarray,
              cameras: np.ndarray) -> np.ndarray:
        """Standardise embeddings by the profiles of their cameras.

        Each dimension: minus the mean, by a power of the deviation
        (:data:`EXPONENT`); then unit length again. A row that nothing is left
        of, as all are if all embeddings of a site are the same, stays as it
        is.

        Args:
            embeddings (np.ndarray): (N, D) rows of unit length.
            cameras (np.ndarray): (N,) camera of each: text or integers.

        Returns:
            np.ndarray: (N, D) float32 rows of unit length.

        Raises:
            ValueError: not a camera for each row, or another width than that
                of the profiles.
        """
        _check_rows(embeddings, cameras)
        self._check_width(embeddings)
        standardised = np.array(embeddings, np.float32)
        site = self._site()
        for camera, rows in _rows_by_camera(cameras):
            standardised[rows] = _standardise(
                standardised[rows], *self._shrunk(camera, *site))
        return standardised

    def check_model(self, model: Optional[str]) -> None:
        """Refuse a model other than that of the profiles.

        Nothing is checked where one of the two is not known (None).

        Raises:
            ValueError: it is another one.
        """
        if None not in (model, self.model) and model != self.model:
            raise ValueError(
                f'the camera profiles of {self.site!r} were made with the '
                f'model {self.model}, not with {model}: make them anew by '
                'tools/gallery/camera_profiles.py')

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what :meth:`apply` depends on, and of the model.

        Embeddings that are standardised by other profiles, or by none, can
        not be compared.
        """
        texts = [self.model or '', str(self.pseudo_count), *self.cameras,
                 *sorted(self.batch_norm)]
        arrays = [self.counts, self.means, self.variances,
                  *(self.batch_norm[name] for name in sorted(self.batch_norm))]
        digest = hashlib.sha256('\n'.join(texts).encode())
        for array in arrays:
            digest.update(array.tobytes())
        return digest.hexdigest()

    def save(self, file: Union[str, Path]) -> None:
        """Write an ``.npz`` without pickled objects."""
        arrays: dict = {name: np.array(getattr(self, name))
                        for name in ARRAYS[1:-1]}
        arrays.update({f'{_BATCH_NORM}{name}': values
                       for name, values in self.batch_norm.items()})
        replace_file(file, lambda stream: np.savez(
            stream, format_version=np.array(FORMAT_VERSION),
            model=np.array(self.model or ''), **arrays))

    @classmethod
    def load(cls, file: Union[str, Path]) -> 'CameraProfiles':
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is broken or holds something else.
        """
        if not Path(file).is_file():
            raise FileNotFoundError(
                f'no file of camera profiles {file}; '
                'tools/gallery/camera_profiles.py makes one')
        arrays = read_arrays(file)
        missing = sorted(set(ARRAYS) - set(arrays))
        if missing:
            raise ValueError(f'{file} lacks the arrays {missing} of camera '
                             'profiles')
        own = {name: arrays.pop(name) for name in ARRAYS}
        if own.pop('format_version') != FORMAT_VERSION:
            raise ValueError(
                f'{file} is of another version than {FORMAT_VERSION}: make it '
                'anew by tools/gallery/camera_profiles.py')
        _check_arrays(file, own)
        return cls(own['cameras'], own['counts'], own['means'],
                   own['variances'], float(own['pseudo_count']),
                   str(own['site']), str(own['model']) or None,
                   {name.removeprefix(_BATCH_NORM): values
                    for name, values in arrays.items()
                    if name.startswith(_BATCH_NORM)})

    def _site(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (D,) of the site, drawn towards no change."""
        count, mean, variance = _merge(
            self.counts, self.means, self.variances)
        share = count / (count + SITE_PSEUDO_COUNT)
        return share * mean, share * variance + (1 - share) / len(mean)

    def _shrunk(self, camera: str, mean: np.ndarray,
                variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (D,) of a camera, drawn towards the site's."""
        place = np.searchsorted(self.cameras, camera)
        if place == len(self.cameras) or self.cameras[place] != camera:
            return mean, variance
        count = self.counts[place]
        share = count / (count + self.pseudo_count)
        return (mean + share * (self.means[place] - mean),
                variance + share * (self.variances[place] - variance))

    def _check_width(self, embeddings: np.ndarray) -> None:
        if embeddings.shape[1] != self.means.shape[1]:
            raise ValueError(
                f'embeddings are {embeddings.shape[1]} wide, the camera '
                f'profiles {self.means.shape[1]}: they are of another model')


def _check_rows(embeddings: np.ndarray, cameras: np.ndarray) -> None:
    if embeddings.ndim != 2 or np.shape(cameras) != embeddings.shape[:1]:
        raise ValueError(
            'camera profiles need embeddings (N, D) and a camera of each, '
            f'got shapes {embeddings.shape} and {np.shape(cameras)}')
    bad = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(bad):
        raise ValueError(
            f'embeddings of {len(bad)} images hold NaN or infinity: indices '
            f'{name_some(bad.tolist())}; look for a diverged model or a '
            'broken image')


def _check_arrays(file: Union[str, Path], arrays: Mapping) -> None:
    cameras, counts = arrays['cameras'], arrays['counts']
    means, variances = arrays['means'], arrays['variances']
    shaped = (cameras.ndim == 1 and len(cameras) and cameras.dtype.kind == 'U'
              and counts.shape == cameras.shape and means.ndim == 2
              and means.shape == variances.shape
              and len(means) == len(cameras))
    if not shaped or list(cameras) != sorted(set(cameras.tolist())):
        raise ValueError(f'{file}: cameras, counts, means and variances do '
                         'not fit together')
    if not (np.isfinite(means).all() and np.isfinite(variances).all()
            and (variances >= 0).all() and (counts > 0).all()):
        raise ValueError(f'{file}: counts must be above 0, means finite and '
                         'variances at least 0')


def _rows_by_camera(cameras: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Name and rows of each camera, by name."""
    names, numbers = np.unique(np.asarray(cameras), return_inverse=True)
    texts = [str(name) for name in names.tolist()]
    for number in sorted(range(len(texts)), key=texts.__getitem__):
        yield texts[number], np.flatnonzero(numbers == number)


def _mean_and_variance(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = rows.astype(np.float64)
    return rows.mean(axis=0), rows.var(axis=0)


def _standardise(rows: np.ndarray, mean: np.ndarray,
                 variance: np.ndarray) -> np.ndarray:
    typical = np.sqrt(len(mean))
    deviation = np.maximum(np.sqrt(variance), NEXT_TO_NOTHING / typical)
    found = (rows - mean.astype(np.float32)) / (
        deviation**EXPONENT).astype(np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    left = lengths > NEXT_TO_NOTHING * np.sqrt(typical)
    return np.where(left, found / np.where(left, lengths, 1), rows)


def _merge(counts: np.ndarray, means: np.ndarray, variances: np.ndarray
           ) -> tuple[int, np.ndarray, np.ndarray]:
    """Count, mean and variance of several groups (K,), (K, D) together."""
    weights = counts[:, None] / counts.sum()
    mean = (weights * means).sum(axis=0)
    variance = (weights * (variances + (means - mean) ** 2)).sum(axis=0)
    return counts.sum(), mean, variance
