"""Feature vectors with planted identities, as large a set as wanted."""

import numpy as np

CAMERAS = 8
LATENT = 32
_BLOCK = 8192
# Lengths relative to the distance of an identity to its nearest other one,
# chosen so that DBSCAN at eps 0.6 finds most, but not all, of the identities.
_CAMERA, _VIEW, _IMAGE = 0.2, 0.6, 0.75


def _identity_sizes(num, rng):
    """Images per identity, as uneven as in re-ID sets; they sum to num."""
    sizes = np.clip(
        rng.lognormal(np.log(16), 0.5, num // 8 + 1), 2, 80).astype(int)
    last = np.searchsorted(np.cumsum(sizes), num)
    sizes = sizes[:last + 1]
    sizes[-1] -= sizes.sum() - num
    return sizes


def planted_features(num, dim, seed, latent=LATENT, part=slice(None)):
    """Features of images of many persons in several cameras.

    A feature is a person's centre + an offset of the camera + an offset of
    the person in this camera + noise of the image, all in a space of
    ``latent`` dimensions, turned into ``dim`` dimensions, plus a little noise
    in all of these. How much an
    image may differ varies between persons. Persons have 2 to 80 images,
    17 in the mean; the order is random. Offsets shrink with the distance
    between persons, so that small and large sets are about equally hard.

    Args:
        num (int): Images N, at least 1.
        dim (int): Dimensions D, at least 1.
        seed (int): With the other arguments it decides all.
        latent (int): Dimensions that the features use; ``dim`` at most.
        part (slice): Images whose features are kept, in memory for these
            alone; default all. They are those of all.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: features (N, D) float32,
        of lengths around 1 but not normalised; persons (N,) int64; cameras
        (N,) int64.
    """
    rng = np.random.default_rng([seed, num, dim])
    sizes = _identity_sizes(num, rng)
    persons = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    cameras = rng.integers(0, CAMERAS, num)

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    rank = min(dim, latent)
    centres = normal(len(sizes), rank)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    # The volume around a centre that holds no other is that share of all.
    unit = len(sizes)**(-1 / max(1, rank - 1)) / np.sqrt(rank)
    spread = rng.lognormal(0, 0.25, (len(sizes), 1)).astype(np.float32) * unit
    views = _CAMERA * unit * normal(1, CAMERAS, rank) + centres[:, None]
    views += _VIEW * spread[:, None] * normal(len(sizes), CAMERAS, rank)
    basis = np.linalg.qr(normal(dim, rank))[0].T.astype(np.float32)

    begin, end, _ = part.indices(num)
    features = np.empty((end - begin, dim), np.float32)
    memory = np.empty((min(_BLOCK, num), dim), np.float32)
    for first in range(0, num, _BLOCK):
        rows = slice(first, min(first + _BLOCK, num))
        who = persons[rows]
        latent = views[who, cameras[rows]]
        latent += _IMAGE * spread[who] * normal(len(who), rank)
        block = memory[:len(who)]
        rng.standard_normal(dtype=np.float32, out=block)
        block *= 0.1 * unit * np.sqrt(rank / dim)
        block += latent @ basis
        block *= rng.uniform(0.5, 2, (len(who), 1)).astype(np.float32)
        kept = slice(max(first, begin), min(first + len(who), end))
        if kept.start < kept.stop:
            features[kept.start - begin:kept.stop - begin] = block[
                kept.start - first:kept.stop - first]
    return features, persons, cameras
