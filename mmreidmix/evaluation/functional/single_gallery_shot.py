"""The classic protocol of CUHK03: one gallery image per identity.

Li, Zhao, Xiao, Wang: DeepReID: Deep Filter Pairing Neural Network for Person
Re-identification, CVPR 2014. A gallery is drawn again and again, and the
values are means over the draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmreidmix.checks import check_count
from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import QueryGallery


@dataclass(frozen=True)
class SingleShotResult:
    """What :func:`single_gallery_shot` finds.

    Attributes:
        match_rank (np.ndarray): (Nq, repeats) int32 zero-based rank of the
            one match, -1 for queries without a match.
    """

    match_rank: np.ndarray

    def summary(self, ranks: Sequence[int] = (1, 5, 10)) -> dict:
        """Means over queries and draws, as :meth:`RankingResult.summary`.

        There is no mINP, and mAP is the mean of 1 / rank. In addition there
        are 'repeats', 'mAP_std' and 'rank-k_std', the standard deviation
        between draws (0 for one draw).
        """
        valid = self.match_rank[self.match_rank[:, 0] >= 0]
        by_draw = {'mAP': (1 / (valid + 1)).mean(0)}
        by_draw.update({f'rank-{k}': (valid < k).mean(0) for k in ranks})
        num, repeats = self.match_rank.shape
        ddof = 1 if repeats > 1 else 0
        return {
            **{key: float(v.mean()) for key, v in by_draw.items()},
            **{f'{key}_std': float(v.std(ddof=ddof))
               for key, v in by_draw.items()},
            'repeats': repeats,
            'queries': num,
            'queries_without_match': num - len(valid),
        }


def single_gallery_shot(images: QueryGallery, *, repeats: int = 100,
                        seed: int = 0) -> SingleShotResult:
    """Rank of the match among galleries of one image per identity.

    Each draw takes one image of every identity of the gallery, the same for
    all queries; of a query's own identity it takes one of the images in the
    query's list instead (with ``cross_camera``: of another camera), drawn for
    each query. All images are equally likely. Equal scores keep the order of
    the gallery. Junk is never drawn.

    Args:
        images (QueryGallery): queries and gallery.
        repeats (int): number of draws.
        seed (int): of the draws.

    Raises:
        ValueError: repeats below 1, or no query has a match.
    """
    check_count('single_gallery_shot', 1, repeats=repeats)
    drawn, own = draw_galleries(images, repeats, seed)
    match_rank = np.full(own.shape, -1, np.int32)
    for rows, scores in images.score_blocks():
        for _ in over_rows(
                _rank_matches, len(scores), scores.cpu().numpy(),
                images.q_pids[rows], images.g_pids, drawn, own[rows],
                match_rank[rows], threads=torch.get_num_threads(), chunk=32):
            pass
    if (match_rank < 0).all():
        raise ValueError(images.no_match_message())
    return SingleShotResult(match_rank)


def draw_galleries(images: QueryGallery, repeats: int,
                   seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the gallery of the images of each draw.

    Returns:
        tuple[np.ndarray, np.ndarray]: (repeats, identities) one image of each
        identity, and (Nq, repeats) of each query's own identity, -1 where
        its list holds none.
    """
    random = np.random.default_rng(seed)
    by_pid, starts, stops = images.same_identity()
    order = by_pid[np.count_nonzero(images.junk):]
    _, firsts, sizes = np.unique(
        images.g_pids[order], return_index=True, return_counts=True)
    drawn = order[firsts + random.integers(0, sizes, (repeats, len(sizes)))]
    own = np.full((len(images.q_pids), repeats), -1)
    for i, ends in enumerate(zip(starts, stops)):
        matches = by_pid[slice(*ends)]
        if images.cross_camera:
            matches = matches[images.g_camids[matches] != images.q_camids[i]]
        if len(matches):
            own[i] = matches[random.integers(0, len(matches), repeats)]
    return drawn, own


@compiled
def _rank_matches(scores: np.ndarray, q_pids: np.ndarray, g_pids: np.ndarray,
                  drawn: np.ndarray, own: np.ndarray, match_rank: np.ndarray,
                  begin: int, end: int) -> None:
    for i in range(begin, end):
        for r in range(own.shape[1]):
            match = own[i, r]
            if match < 0:
                continue
            level = scores[i, match]
            before = 0
            for j in drawn[r]:
                if g_pids[j] == q_pids[i]:
                    continue
                score = scores[i, j]
                before += score > level or (score == level and j < match)
            match_rank[i, r] = before
