"""Query expansion and database-side augmentation.

Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No Human
Annotation, TPAMI 2018 (weights cos^alpha); the same sum for the gallery
images: Turcot, Lowe: Better matching with fewer features, ICCV workshops 2009.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmreidmix.neighbours import knn, normalise_rows

from .query_gallery import Sides

OPTIONS = ('neighbours', 'alpha', 'database')
_ROWS = 256


def expanded(sides: Sides, *, neighbours: int = 10, alpha: float = 3.0,
             database: bool = False) -> Sides:
    """Replace features by weighted sums with their nearest gallery images.

    A query q becomes normalised q + sum over its nearest gallery images g of
    cos(q, g)^alpha g, all of length 1; negative cosines weigh nothing. No
    label is used, so images of the query's identity and camera take part; but
    junk does not.

    Args:
        sides (Sides): metric must be 'cosine'.
        neighbours (int): gallery images added to each, all if there are
            fewer.
        alpha (float): exponent, >= 0; 0 is the plain mean (of those that have
            a positive cosine).
        database (bool): first augment the gallery images by their own nearest
            gallery images in the same way. Needs a second copy of the
            gallery. Defaults to False.

    Returns:
        Sides: with other features.

    Raises:
        ValueError: an option is out of range, or the metric is Euclidean.
    """
    if sides.metric != 'cosine':
        raise ValueError("query_expansion needs metric='cosine', got "
                         f'{sides.metric!r}')
    if neighbours < 1:
        raise ValueError('query_expansion: neighbours must be at least 1, '
                         f'got {neighbours}')
    if not alpha >= 0:
        raise ValueError(
            f'query_expansion: alpha must be at least 0, got {alpha}')
    if database:
        gallery = _augmented(sides, neighbours, alpha)
        sides = sides.with_features(sides.query, gallery)
    num = int((sides.g_pids >= 0).sum())
    query = torch.empty_like(sides.query)
    for begin, scores in sides.score_blocks():
        rows = slice(begin, begin + len(scores))
        sims, indices = scores.topk(min(neighbours, num), dim=1)
        own = normalize(sides.query[rows], dim=1)
        query[rows] = own + _weighted(sides.gallery, indices, sims, alpha)
    return sides.with_features(query, sides.gallery)


def _weighted(bank: Tensor, indices: Tensor, sims: Tensor,
              alpha: float) -> Tensor:
    """Sums of bank rows, of length 1 each, by cos^alpha."""
    weights = torch.where(sims > 0, sims.clamp(min=0)**alpha, 0)
    rows = normalize(bank[indices], dim=2)
    return torch.bmm(weights[:, None].to(rows.dtype), rows)[:, 0]


def _augmented(sides: Sides, neighbours: int, alpha: float) -> Tensor:
    device = sides.gallery.device
    kept = torch.from_numpy(np.flatnonzero(sides.g_pids >= 0)).to(device)
    unit = normalise_rows(sides.gallery[kept])
    indices, sims = knn(unit, neighbours + 1)
    gallery = sides.gallery.clone()
    for begin in range(0, len(kept), _ROWS):
        part = slice(begin, begin + _ROWS)
        near = torch.from_numpy(indices[part, 1:]).long().to(device)
        near_sims = torch.from_numpy(sims[part, 1:]).to(device)
        gallery[kept[part]] = (
            unit[part] + _weighted(unit, near, near_sims, alpha)
        ).to(gallery.dtype)
    return gallery
