"""Queries and gallery, checked, and their scores in blocks."""

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmreidmix.neighbours.matmul import multiply

METRICS = ('cosine', 'euclidean')
# Scores of one block; more rows than the maximum make no product faster.
_BLOCK_BYTES = 128 << 20
_BLOCK_ROWS = (32, 512)
_ROWS = 4096


@dataclass(frozen=True)
class Sides:
    """Checked query and gallery; nothing is copied that is float32 or 64.

    Attributes:
        query (Tensor): features, shape (Nq, D), on one device with gallery.
        gallery (Tensor): features, shape (Ng, D), junk included.
        q_pids (np.ndarray): identities, shape (Nq,), int64, >= 0.
        g_pids (np.ndarray): identities, shape (Ng,), int64, -1 = junk.
        q_camids (np.ndarray): cameras, shape (Nq,), int64.
        g_camids (np.ndarray): cameras, shape (Ng,), int64.
        metric (str): 'cosine' or 'euclidean'.
        cross_camera (bool): leave the query's identity in its camera out.
        block (int): queries per block of scores.
        name (str): of the domain, for messages.
    """

    query: Tensor
    gallery: Tensor
    q_pids: np.ndarray
    g_pids: np.ndarray
    q_camids: np.ndarray
    g_camids: np.ndarray
    metric: str
    cross_camera: bool
    block: int
    name: str

    @property
    def junk(self) -> np.ndarray:
        """Positions of the junk in the gallery."""
        return np.flatnonzero(self.g_pids < 0)

    @torch.inference_mode()
    def score_blocks(self):
        """Yield (first query, scores (<= block, Ng)); higher is better.

        The scores may be written to; they are gone with the next block. Those
        of junk are -inf.
        """
        scale = _sums(self.gallery, self.metric)
        junk = torch.from_numpy(self.junk).to(self.gallery.device)
        memory = self.gallery.new_empty(self.block, len(self.gallery))
        for begin in range(0, len(self.query), self.block):
            rows = self.query[begin:begin + self.block]
            if self.metric == 'cosine':
                rows = normalize(rows, dim=1)
            scores = multiply(rows, self.gallery, out=memory[:len(rows)])
            if self.metric == 'cosine':
                scores.mul_(scale)
            else:
                # The query's own square would not change the order.
                scores.mul_(2).sub_(scale)
            yield begin, scores.index_fill_(1, junk, -torch.inf)

    def readable(self, scores: Tensor, rows: slice) -> Tensor:
        """Turn scores into cosines or minus distances."""
        if self.metric == 'cosine':
            return scores
        own = self.query[rows].square().sum(1, keepdim=True)
        return -(own - scores).clamp_(min=0).sqrt_()

    def with_features(self, query: Tensor, gallery: Tensor) -> 'Sides':
        """The same images with other features."""
        return replace(self, query=query, gallery=gallery)

    def no_match_message(self) -> str:
        """Why no query has a match."""
        domain = f'domain {self.name}' if self.name else 'the domain'
        shared = np.isin(self.q_pids, self.g_pids).any()
        if not shared:
            return (f'no query has a match: in {domain} query and gallery '
                    'share no identity; check the split')
        known = self.g_camids[self.g_pids >= 0]
        cameras = np.union1d(self.q_camids, known).tolist()
        return (f'no query has a match in another camera: {domain} has '
                f'cameras {cameras}; use cross_camera=False to count '
                'same-camera matches')


def _sums(gallery: Tensor, metric: str) -> Tensor:
    """One over the lengths, or the squares; without a copy of all."""
    if metric == 'cosine':
        return gallery.norm(dim=1).reciprocal_()
    return torch.cat([part.square().sum(1) for part in gallery.split(_ROWS)])


def checked_sides(query, gallery, q_pids, g_pids, q_camids, g_camids, *,
                  metric: str = 'cosine', cross_camera: bool = True,
                  block: Optional[int] = None, name: str = '') -> Sides:
    """Check what :func:`ranking.rank` is given; arguments are those there.

    Returns:
        Sides: float32 or float64 features, int64 labels.

    Raises:
        ValueError: what :func:`ranking.rank` says, but for queries without
            a match.
    """
    if metric not in METRICS:
        raise ValueError(f'metric must be one of {METRICS}, got {metric!r}')
    if block is not None and block < 1:
        raise ValueError(f'block must be at least 1, got {block}')
    query = _features(query, 'query', metric)
    gallery = _features(gallery, 'gallery', metric)
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f'query features have {query.shape[1]} values, gallery features '
            f'{gallery.shape[1]}: they must come from the same model')
    if query.dtype != gallery.dtype:
        query, gallery = query.double(), gallery.double()
    q_pids = _integers(q_pids, len(query), 'q_pids')
    g_pids = _integers(g_pids, len(gallery), 'g_pids')
    q_camids = _integers(q_camids, len(query), 'q_camids')
    g_camids = _integers(g_camids, len(gallery), 'g_camids')
    _require_known(q_pids, 'q_pids', 'identity')
    if cross_camera:
        _require_known(q_camids, 'q_camids', 'camera')
        _require_known(
            np.where(g_pids < 0, 0, g_camids), 'g_camids', 'camera')
    if (g_pids < 0).all():
        raise ValueError('the gallery holds nothing but junk (identity -1)')
    low, high = _BLOCK_ROWS
    block = block or min(max(_BLOCK_BYTES // (4 * len(gallery)), low), high)
    return Sides(query, gallery, q_pids, g_pids, q_camids, g_camids, metric,
                 cross_camera, block, name)


@torch.inference_mode()
def _features(features, name: str, metric: str) -> Tensor:
    features = torch.as_tensor(features).detach()
    if features.ndim != 2 or not features.numel():
        raise ValueError(f'{name} features must have shape (N, D) with N and '
                         f'D above 0, got {tuple(features.shape)}')
    if features.dtype != torch.float64:
        features = features.float()
    norms = features.norm(dim=1)
    _require_none(~norms.isfinite(), f'{name} features are NaN or infinite')
    if metric == 'cosine':
        _require_none(norms == 0, f'{name} features are zero: no cosine')
    return features


def _require_none(bad: Tensor, what: str):
    indices = bad.nonzero().flatten().tolist()
    if indices:
        more = ', ...' if len(indices) > 5 else ''
        first = ', '.join(map(str, indices[:5]))
        raise ValueError(
            f'{what} in {len(indices)} of {len(bad)} rows: {first}{more}')


def _integers(values, length: int, name: str) -> np.ndarray:
    if values is None:
        raise ValueError(f'{name} is missing: expected {length} integers, '
                         'one per feature row')
    values = np.asarray(values)
    if values.shape != (length, ) or values.dtype.kind not in 'iu':
        raise ValueError(f'{name} must be {length} integers, one per feature '
                         f'row, got {values.dtype} {values.shape}')
    return values.astype(np.int64)


def _require_known(values: np.ndarray, name: str, what: str):
    unknown = np.flatnonzero(values < 0)
    if len(unknown):
        raise ValueError(f'{name}: {len(unknown)} images without {what} '
                         f'(negative), the first at {unknown[:5].tolist()}')
