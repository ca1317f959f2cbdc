"""k-reciprocal re-ranking of the candidates of one query."""

from typing import Optional

import numpy as np
import torch

from mmreidmix.evaluation.reranking import OPTIONS, reranked_blocks
from mmreidmix.evaluation.sides import checked_sides

_CANDIDATES = 100


def num_candidates(rerank: Optional[dict], topk: int) -> int:
    """How many candidates the search has to find.

    Args:
        rerank (dict, optional): see :meth:`Gallery.search`.
        topk (int): how many are wanted in the end.

    Raises:
        ValueError: an unknown option, or candidates below 1.
    """
    if rerank is None:
        return topk
    unknown = sorted(set(rerank) - {'candidates', *OPTIONS})
    if unknown:
        raise ValueError(f"rerank: {unknown} unknown, expected 'candidates', "
                         f'{", ".join(map(repr, OPTIONS))}')
    num = rerank.get('candidates', _CANDIDATES)
    if not isinstance(num, int) or num < 1:
        raise ValueError(f'rerank: candidates must be at least 1, got {num!r}')
    return max(num, topk)


def reranked_order(query: np.ndarray, candidates: np.ndarray, *,
                   k1: int = 20, k2: int = 6,
                   lambda_value: float = 0.3) -> np.ndarray:
    """Order of candidates, see :mod:`mmreidmix.evaluation.reranking`.

    Nothing but the query and its candidates takes part, so that the cost
    does not depend on the size of the gallery.

    Args:
        query (np.ndarray): (D,) float32 of length 1.
        candidates (np.ndarray): (C, D), the most similar first.
        k1 (int): as there; at most C.
        k2 (int): as there; at most C + 1.
        lambda_value (float): as there.

    Returns:
        np.ndarray: (C,) indices of the candidates, best first.
    """
    num = len(candidates)
    everything = np.concatenate([query[None], candidates])
    if (everything @ everything.T).min(1).max() > 1 - 1e-6:
        return np.arange(num)  # all are alike, or there is none
    labels = np.zeros(num, np.int64)
    sides = checked_sides(
        torch.from_numpy(query[None]), torch.from_numpy(candidates),
        labels[:1], labels, labels[:1], labels, cross_camera=False)
    (_, scores), = reranked_blocks(
        sides, k1=min(k1, num), k2=min(k2, num + 1),
        lambda_value=lambda_value)
    return np.lexsort((np.arange(num), -scores[0].numpy()))
