"""Query and gallery of one domain, checked, and their scores in blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmreidmix.checks import check_choice, check_count, name_some
from mmreidmix.neighbours.matmul import multiply

METRICS = ('cosine', 'euclidean')
# Scores of one block; more rows than the maximum make no product faster.
_BLOCK_BYTES = 128 << 20
_BLOCK_ROWS = (32, 512)
_ROWS = 4096
# Squares are so many times the variance: distances lose a digit.
_LARGE_OFFSET = 16

Array = Union[Sequence, np.ndarray, Tensor]


@dataclass(frozen=True)
class QueryGallery:
    """Query and gallery images with checked features and labels.

    It is built by :meth:`from_arrays`. All that is scored here takes one.

    Attributes:
        query (Tensor): (Nq, D) features, float32 or float64.
        gallery (Tensor): (Ng, D) features, junk included, of the type and on
            the device of the query features.
        q_pids (np.ndarray): (Nq,) int64 identities, >= 0.
        g_pids (np.ndarray): (Ng,) int64 identities; -1 marks junk.
        q_camids (np.ndarray): (Nq,) int64 cameras.
        g_camids (np.ndarray): (Ng,) int64 cameras.
        metric (str): 'cosine' or 'euclidean' (on the features as given).
        cross_camera (bool): leave the query's identity in the query's camera
            out of its list, and pairs of one camera out of all pairs. With
            False the caller must keep the query images out of the gallery.
        block (int, optional): queries per block of scores. Default: at most
            512 and, down to 32, 128 MiB of scores.
        name (str): of the domain, for messages.
    """

    query: Tensor
    gallery: Tensor
    q_pids: np.ndarray
    g_pids: np.ndarray
    q_camids: np.ndarray
    g_camids: np.ndarray
    metric: str = 'cosine'
    cross_camera: bool = True
    block: Optional[int] = None
    name: str = ''

    @classmethod
    def from_arrays(cls,
                    query: Array,
                    gallery: Array,
                    q_pids: Array,
                    g_pids: Array,
                    q_camids: Array,
                    g_camids: Array,
                    **options: Any) -> 'QueryGallery':
        """Check all; arguments and options are the attributes.

        Features that are float32 or float64 are not copied, unless they are a
        view in reverse order or, with the metric 'euclidean', share a large
        offset: then they are centred.

        Raises:
            ValueError: shapes that do not agree, features that are NaN,
                infinite or (cosine) zero, labels that are no integers,
                unknown identities or cameras, nothing but junk, or an option
                out of range.
        """
        query = _features(query, 'query')
        gallery = _features(gallery, 'gallery')
        if query.dtype != gallery.dtype:
            query, gallery = query.double(), gallery.double()
        images = cls(query, gallery,
                     _integers(q_pids, len(query), 'q_pids'),
                     _integers(g_pids, len(gallery), 'g_pids'),
                     _integers(q_camids, len(query), 'q_camids'),
                     _integers(g_camids, len(gallery), 'g_camids'), **options)
        images._check()
        return images._centred() if images.metric == 'euclidean' else images

    @torch.inference_mode()
    def _centred(self) -> 'QueryGallery':
        """Features without an offset whose squares would hide distances."""
        mean = self.gallery.mean(0)
        squares = torch.cat([part.square().sum(1).double() for part in
                             self.gallery.split(_ROWS)]).mean()
        variance = squares - mean.double().square().sum()
        if not 0 < variance * _LARGE_OFFSET < squares:
            return self
        # To a power of two below the deviation: equal distances stay equal.
        step = 2.0**torch.log2(variance / len(mean)).div(2).floor().item()
        mean = (mean / step).round_() * step
        return replace(
            self, query=self.query - mean, gallery=self.gallery - mean)

    @torch.inference_mode()
    def _check(self) -> None:
        check_choice(self, METRICS, metric=self.metric)
        if self.block is not None:
            check_count(self, 1, block=self.block)
        if self.query.shape[1] != self.gallery.shape[1]:
            raise ValueError(
                f'query features have {self.query.shape[1]} values, gallery '
                f'features {self.gallery.shape[1]}: they must come from the '
                'same model')
        for name, features in (('query', self.query),
                               ('gallery', self.gallery)):
            norms = features.norm(dim=1).cpu().numpy()
            _refuse_rows(~np.isfinite(norms),
                         f'{name} features are NaN or infinite')
            if self.metric == 'cosine':
                _refuse_rows(norms == 0,
                             f'{name} features are zero: no cosine')
        _refuse_rows(self.q_pids < 0, 'q_pids: no identity (negative)')
        if self.cross_camera:
            _refuse_rows(self.q_camids < 0, 'q_camids: no camera (negative)')
            _refuse_rows((self.g_camids < 0) & ~self.junk,
                         'g_camids: no camera (negative)')
        if self.junk.all():
            raise ValueError(
                'the gallery holds nothing but junk (identity -1)')

    @property
    def junk(self) -> np.ndarray:
        """Which gallery images are junk, (Ng,) bool."""
        return self.g_pids < 0

    @property
    def rows_per_block(self) -> int:
        """Queries of one block of scores."""
        fitting = _BLOCK_BYTES // (4 * len(self.gallery))
        return self.block or int(np.clip(fitting, *_BLOCK_ROWS))

    def blocks(self) -> Iterator[slice]:
        """Yield the queries block by block."""
        size, num = self.rows_per_block, len(self.query)
        for begin in range(0, num, size):
            yield slice(begin, min(begin + size, num))

    @torch.inference_mode()
    def score_blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield some queries and their scores (<= block, Ng), best highest.

        The scores may be written to; they are gone with the next block. Those
        of junk are -inf.
        """
        scale = _sums(self.gallery, self.metric)
        junk = torch.from_numpy(np.flatnonzero(self.junk)).to(scale.device)
        memory = self.gallery.new_empty(
            self.rows_per_block, len(self.gallery))
        for rows in self.blocks():
            query = self.query[rows]
            if self.metric == 'cosine':
                query = normalize(query, dim=1)
            scores = multiply(query, self.gallery, out=memory[:len(query)])
            if self.metric == 'cosine':
                scores.mul_(scale)
            else:
                # The query's own square would not change the order.
                scores.mul_(2).sub_(scale)
            yield rows, scores.index_fill_(1, junk, -torch.inf)

    def similarities(self, scores: Tensor, rows: slice) -> Tensor:
        """Turn scores of some queries into cosines or minus distances."""
        if self.metric == 'cosine':
            return scores
        own = self.query[rows].square().sum(1, keepdim=True)
        return -(own - scores).clamp_(min=0).sqrt_()

    def same_identity(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gallery images of each query's identity.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: the gallery by identity
            (Ng,), and begin and end in it for each query (Nq,).
        """
        order = np.argsort(self.g_pids, kind='stable')
        pids = self.g_pids[order]
        return (order, np.searchsorted(pids, self.q_pids, 'left'),
                np.searchsorted(pids, self.q_pids, 'right'))

    def require_cosine(self, user: str) -> None:
        """Raise ValueError for the Euclidean metric."""
        if self.metric != 'cosine':
            raise ValueError(
                f"{user} needs metric='cosine', got {self.metric!r}")

    @property
    def title(self) -> str:
        """The domain, in messages."""
        return f'domain {self.name}' if self.name else 'the domain'

    def no_match_message(self) -> str:
        """Why no query has a match."""
        if not np.isin(self.q_pids, self.g_pids).any():
            return (f'no query has a match: in {self.title} query and gallery '
                    'share no identity; check the split')
        known = self.g_camids[~self.junk]
        cameras = np.union1d(self.q_camids, known).tolist()
        return (f'no query has a match in another camera: {self.title} has '
                f'cameras {cameras}; use cross_camera=False to count '
                'same-camera matches')


def _sums(gallery: Tensor, metric: str) -> Tensor:
    """One over the lengths, or the squares; without a copy of all."""
    if metric == 'cosine':
        return gallery.norm(dim=1).reciprocal_()
    return torch.cat([part.square().sum(1) for part in gallery.split(_ROWS)])


def _features(features: Array, name: str) -> Tensor:
    if isinstance(features, np.ndarray) and min(features.strides) < 0:
        features = features.copy()  # torch knows no steps backwards
    features = torch.as_tensor(features).detach()
    if features.ndim != 2 or not features.numel():
        raise ValueError(f'{name} features must have shape (N, D) with N and '
                         f'D above 0, got {tuple(features.shape)}')
    return features if features.dtype == torch.float64 else features.float()


def _integers(values: Array, length: int, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (length, ) or values.dtype.kind not in 'iu':
        raise ValueError(f'{name} must be {length} integers, one per feature '
                         f'row, got {values.dtype} {values.shape}')
    return values.astype(np.int64)


def _refuse_rows(bad: np.ndarray, what: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        raise ValueError(f'{what} in {len(rows)} of {len(bad)} rows: '
                         f'{name_some(rows)}')
