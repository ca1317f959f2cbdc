"""k-reciprocal re-ranking as N x N matrices: the reference to compare with.

Written from the definition of Zhong et al., "Re-ranking Person
Re-identification with k-reciprocal Encoding", CVPR 2017, laid out the way the
released code is: all distances, a full sort, a dense matrix of encodings, an
inverted index over its columns. NumPy in float32; products by torch. As
there, the scaled distances are the transpose of a matrix and all others are
made like them, so that columns lie together in memory, not rows.
"""

import numpy as np
import torch

# Libraries, and copies of blocks that NumPy makes.
_EXTRA_BYTES = 1 << 30


def needed_bytes(num, dim):
    """Peak memory: distances twice, encodings, ranks as int32 and int64."""
    return (3 * 4 + 4 + 8) * num**2 + 4 * num * dim + _EXTRA_BYTES


def squared_distances(features):
    """Squared Euclidean distances of all pairs: (N, N) float32."""
    features = torch.as_tensor(features)
    squares = features.square().sum(1)
    products = features @ features.T
    products.mul_(-2).add_(squares).add_(squares[:, None]).clamp_(min=0)
    return products.fill_diagonal_(0).numpy()


def _mutual(ranks, image, length):
    """Reciprocal neighbours of one image; it is the first of its own list."""
    forward = ranks[image, :length]
    backward = ranks[forward, :length]
    return forward[np.where(backward == image)[0]]


def _encode(distances, ranks, k1):
    encoding = np.zeros_like(distances)
    half = int(np.around(k1 / 2)) + 1
    for i in range(len(distances)):
        own = _mutual(ranks, i, k1 + 1)
        members = own
        for candidate in own:
            others = _mutual(ranks, candidate, half)
            if len(np.intersect1d(others, own)) > 2 / 3 * len(others):
                members = np.append(members, others)
        members = np.unique(members)
        weights = np.exp(-distances[i, members])
        encoding[i, members] = weights / weights.sum()
    return encoding


def rerank(distances, num_query, k1=20, k2=6, lambda_value=0.3):
    """Final distances of queries and gallery.

    Args:
        distances (np.ndarray): (N, N) float32 squared distances, queries
            first.
        num_query (int): Q.
        k1 (int): Length of the neighbour lists, without the image itself.
        k2 (int): Lists averaged over, the image itself among them.
        lambda_value (float): Weight of the original distance.

    Returns:
        np.ndarray: (Q, N - Q) float32.
    """
    num = len(distances)
    # The largest of each row too, since distances are symmetric.
    distances = np.transpose(distances / distances.max(axis=0))
    ranks = np.argsort(distances, axis=1).astype(np.int32)
    encoding = _encode(distances, ranks, k1)
    distances = distances[:num_query]
    if k2 > 1:
        expanded = np.zeros_like(encoding)
        for i in range(num):
            expanded[i] = encoding[ranks[i, :k2]].mean(axis=0)
        encoding = expanded
    del ranks
    inverted = [np.where(encoding[:, j] != 0)[0] for j in range(num)]
    jaccard = np.empty_like(distances)
    for i in range(num_query):
        shared = np.zeros(num, np.float32)
        for column in np.where(encoding[i] != 0)[0]:
            others = inverted[column]
            shared[others] += np.minimum(encoding[i, column],
                                         encoding[others, column])
        jaccard[i] = 1 - shared / (2 - shared)
    final = jaccard * (1 - lambda_value) + distances * lambda_value
    return final[:, num_query:]
