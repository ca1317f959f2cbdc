"""The classic protocol of CUHK03: one gallery image per identity.

Li, Zhao, Xiao, Wang: DeepReID: Deep Filter Pairing Neural Network for Person
Re-identification, CVPR 2014. A gallery is drawn again and again, and the
values are means over the draws.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import Sides, checked_sides
from .rank_counting import Counter

# what a config may set
OPTIONS = ('repeats', 'seed')


@dataclass(frozen=True)
class SingleShotResult:
    """What :func:`single_gallery_shot` finds.

    Attributes:
        match_rank (np.ndarray): zero-based rank of the one match, shape
            (Nq, repeats), int32, -1 for queries without a match.
    """

    match_rank: np.ndarray

    def summary(self, ranks=(1, 5, 10)) -> dict:
        """Means over queries and draws, and how the draws differ.

        Args:
            ranks (Sequence[int]): the k of the CMC values 'rank-k'.

        Returns:
            dict: 'mAP' (of a single match: 1 / rank) and 'rank-k' as
            fractions 0..1; 'mAP_std' and 'rank-k_std', the standard deviation
            between draws (0 for one draw); 'repeats'; and the counts
            'queries' and 'queries_without_match'.
        """
        valid = self.match_rank[self.match_rank[:, 0] >= 0]
        by_draw = {'mAP': (1 / (valid + 1)).mean(0)}
        by_draw.update({f'rank-{k}': (valid < k).mean(0) for k in ranks})
        num, repeats = self.match_rank.shape
        spread = 1 if repeats > 1 else 0
        return {
            **{key: float(v.mean()) for key, v in by_draw.items()},
            **{f'{key}_std': float(v.std(ddof=spread))
               for key, v in by_draw.items()},
            'repeats': repeats,
            'queries': num,
            'queries_without_match': num - len(valid),
        }


def single_gallery_shot(query,
                        gallery,
                        q_pids,
                        g_pids,
                        q_camids,
                        g_camids,
                        *,
                        repeats: int = 100,
                        seed: int = 0,
                        cross_camera: bool = True,
                        metric: str = 'cosine',
                        block: Optional[int] = None,
                        name: str = '') -> SingleShotResult:
    """Rank of the match among galleries of one image per identity.

    Each draw takes one image of every identity of the gallery, the same for
    all queries; of a query's own identity it takes one of the images in the
    query's list instead (with ``cross_camera``: of another camera), drawn for
    each query. All images are equally likely. Equal scores keep the order of
    the gallery. Junk is never drawn.

    Arguments are those of :func:`~.ranking.rank`, and ``repeats``, the number
    of draws, with the ``seed`` that decides them.

    Returns:
        SingleShotResult: the ranks.

    Raises:
        ValueError: repeats below 1, or what :func:`~.ranking.rank` raises.
    """
    if repeats < 1:
        raise ValueError(f'repeats must be at least 1, got {repeats}')
    sides = checked_sides(
        query, gallery, q_pids, g_pids, q_camids, g_camids, metric=metric,
        cross_camera=cross_camera, block=block, name=name)
    drawn, own = draw_galleries(sides, repeats, seed)
    match_rank = np.full(own.shape, -1, np.int32)
    for begin, scores in sides.score_blocks():
        part = slice(begin, begin + len(scores))
        for _ in over_rows(
                _rank_matches, len(scores), scores.cpu().numpy(),
                sides.q_pids[part], sides.g_pids, drawn, own[part],
                match_rank[part], threads=torch.get_num_threads(), chunk=32):
            pass
    if (match_rank < 0).all():
        raise ValueError(sides.no_match_message())
    return SingleShotResult(match_rank)


def draw_galleries(sides: Sides, repeats: int, seed: int):
    """Positions in the gallery of the images of each draw.

    Returns:
        tuple[np.ndarray, np.ndarray]: one image of each identity (repeats,
        identities), and of each query's own identity (Nq, repeats), -1 where
        its list holds none.
    """
    random = np.random.default_rng(seed)
    members = Counter(sides)
    order = members.by_pid[np.count_nonzero(sides.g_pids < 0):]
    _, starts, sizes = np.unique(
        sides.g_pids[order], return_index=True, return_counts=True)
    drawn = order[starts + random.integers(0, sizes, (repeats, len(sizes)))]
    own = np.full((len(sides.q_pids), repeats), -1)
    for i, ends in enumerate(zip(members.starts, members.stops)):
        matches = members.by_pid[slice(*ends)]
        if sides.cross_camera:
            matches = matches[sides.g_camids[matches] != sides.q_camids[i]]
        if len(matches):
            own[i] = matches[random.integers(0, len(matches), repeats)]
    return drawn, own


@compiled
def _rank_matches(scores, q_pids, g_pids, drawn, own, match_rank, first,
                  last):
    for i in range(first, last):
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
