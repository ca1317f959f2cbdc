"""Query expansion and database-side augmentation.

Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No Human
Annotation, TPAMI 2018 (weights cos^alpha); the same sum for the gallery
images: Turcot, Lowe: Better matching with fewer features, ICCV workshops 2009.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmreidmix.checks import check_at_least, check_choice, check_count
from mmreidmix.neighbours import knn, normalise_rows

from .query_gallery import QueryGallery

_ROWS = 256


def expand_queries(images: QueryGallery,
                   *,
                   neighbours: int = 10,
                   alpha: float = 3.0,
                   database: bool = False) -> QueryGallery:
    """Replace features by weighted sums with their nearest gallery images.

    A query q becomes normalised q + sum over its nearest gallery images g of
    cos(q, g)^alpha g, all of length 1; negative cosines weigh nothing. No
    label is used, so images of the query's identity and camera take part; but
    junk does not.

    Args:
        images (QueryGallery): metric must be 'cosine'.
        neighbours (int): gallery images added to each, all if there are
            fewer.
        alpha (float): exponent, >= 0; 0 is the plain mean (of those that have
            a positive cosine).
        database (bool): first augment the gallery images by their own nearest
            gallery images in the same way. Needs a second copy of the
            gallery. Defaults to False.

    Returns:
        QueryGallery: the same images with other features.

    Raises:
        ValueError: an option is out of range, or the metric is Euclidean.
    """
    images.require_cosine('query_expansion')
    check_expansion(neighbours=neighbours, alpha=alpha, database=database)
    if database:
        images = replace(
            images, gallery=_augmented_gallery(images, neighbours, alpha))
    num = min(neighbours, int((~images.junk).sum()))
    query = torch.empty_like(images.query)
    for rows, scores in images.score_blocks():
        sims, indices = scores.topk(num, dim=1)
        query[rows] = normalize(images.query[rows], dim=1) + _weighted_sums(
            images.gallery, indices, sims, alpha)
    return replace(images, query=query)


def check_expansion(*, neighbours: int, alpha: float, database: bool) -> None:
    """Raise ValueError for options of :func:`expand_queries` out of range."""
    check_count('query_expansion', 1, neighbours=neighbours)
    check_at_least('query_expansion', 0, alpha=alpha)
    check_choice('query_expansion', (True, False), database=database)


def _weighted_sums(bank: Tensor, indices: Tensor, sims: Tensor,
                   alpha: float) -> Tensor:
    """Sums of bank rows, of length 1 each, by cos^alpha."""
    weights = torch.where(sims > 0, sims.clamp(min=0)**alpha, 0)
    rows = normalize(bank[indices], dim=2)
    return torch.bmm(weights[:, None].to(rows.dtype), rows)[:, 0]


def _augmented_gallery(images: QueryGallery, neighbours: int,
                       alpha: float) -> Tensor:
    gallery = images.gallery.clone()
    device = gallery.device
    valid = torch.from_numpy(np.flatnonzero(~images.junk)).to(device)
    unit = normalise_rows(gallery[valid])
    indices, sims = knn(unit, neighbours + 1)
    for begin in range(0, len(valid), _ROWS):
        part = slice(begin, begin + _ROWS)
        near = torch.from_numpy(indices[part, 1:]).long().to(device)
        near_sims = torch.from_numpy(sims[part, 1:]).to(device)
        gallery[valid[part]] = (
            unit[part] + _weighted_sums(unit, near, near_sims, alpha)
        ).to(gallery.dtype)
    return gallery
