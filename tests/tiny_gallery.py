"""Small galleries, and the naive search they are compared with."""

import numpy as np

from mmreidmix.apis import Gallery
from mmreidmix.neighbours import normalise_rows

DIM = 8


def embeddings(num, seed=0, dim=DIM):
    return np.random.default_rng(seed).standard_normal((num, dim))


def names(num, first=0):
    return [f'cam/{i:04d}.jpg' for i in range(first, first + num)]


def filled(gallery, num, seed=0):
    """A gallery with images of 4 cameras, at times 0, 1, 2, ..."""
    rng = np.random.default_rng([seed, 1])
    gallery.add(embeddings(num, seed, gallery.dim), names(num),
                camids=rng.integers(-1, 4, num), times=np.arange(num),
                tracklets=rng.integers(-1, max(1, num // 6), num))
    return gallery


def in_memory(num, seed=0, dim=DIM):
    return filled(Gallery(dim), num, seed)


def content(gallery):
    """All a gallery holds, as plain values."""
    return [(*entry[:3], str(entry.time), entry.tracklet, *vector)
            for entry, vector in zip(gallery.entries(gallery.ids),
                                     gallery.embeddings(gallery.ids).tolist())]


def naive(gallery, queries, topk, keep=None):
    """Ids and float32 cosines of a search without any shortcut."""
    ids = gallery.ids
    if keep is not None:
        ids = ids[[keep(entry) for entry in gallery.entries(ids)]]
    vectors = gallery.embeddings(ids).astype(np.float64)
    scores = normalise_rows(queries).numpy().astype(np.float64) @ vectors.T
    scores = scores.astype(np.float32)
    return [[(int(ids[i]), line[i]) for i in
             sorted(range(len(ids)), key=lambda i: (-line[i], ids[i]))[:topk]]
            for line in scores]


def pairs(result):
    """Ids and scores of what a search returned."""
    return [[(match.id, np.float32(match.score)) for match in line]
            for line in result]
