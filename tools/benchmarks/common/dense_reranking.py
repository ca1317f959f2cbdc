"""k-reciprocal re-ranking as N x N matrices: the reference to compare with.

Written from the definition of Zhong et al., "Re-ranking Person
Re-identification with k-reciprocal Encoding", CVPR 2017, laid out the way the
released code is: all distances, a full sort, a dense matrix of encodings, an
inverted index over its columns. NumPy in float32; products by torch. As
there, the scaled distances are the transpose of a matrix and all others are
made like them, so that columns lie together in memory, not rows.
"""

import numpy as np

# Libraries, and copies of blocks that NumPy makes.
_EXTRA_BYTES = 1 << 30


def needed_bytes(num, dim):
    """Peak memory: distances twice, encodings, ranks as int32 and int64."""
    return (3 * 4 + 4 + 8) * num**2 + 4 * num * dim + _EXTRA_BYTES


def squared_distances(features):
    """Squared Euclidean distances of all pairs: (N, N) float32."""
    # Imported here: --help must not wait for torch.
    import torch
    features = torch.as_tensor(features)
    squares = features.square().sum(1)
    products = features @ features.T
    products.mul_(-2).add_(squares).add_(squares[:, None]).clamp_(min=0)
    return products.fill_diagonal_(0).numpy()


def _mutual(lists, image):
    """Reciprocal neighbours of one image, which is the first of its list."""
    forward = lists[image]
    forward = forward[forward >= 0]
    return forward[np.where(lists[forward] == image)[0]]


def _encode(distances, lists, halves):
    encoding = np.zeros_like(distances)
    for i in range(len(distances)):
        own = _mutual(lists, i)
        members = own
        for candidate in own:
            others = _mutual(halves, candidate)
            if len(np.intersect1d(others, own)) > 2 / 3 * len(others):
                members = np.append(members, others)
        members = np.unique(members)
        weights = np.exp(-distances[i, members])
        encoding[i, members] = weights / weights.sum()
    return encoding


def _lists_by_camera(ranks, cameras, intra, inter):
    """The image, so many of its camera and of others; -1 where none is."""
    if (cameras == cameras[0]).all():  # none to tell apart
        cameras = np.arange(len(ranks))
    lists = np.full((len(ranks), 1 + intra + inter), -1, np.int32)
    for i, line in enumerate(ranks):
        line = line[line != i]
        same = cameras[line] == cameras[i]
        parts = [i], line[same][:intra], line[~same][:inter]
        found = np.concatenate(parts)
        lists[i, :len(found)] = found
    return lists


def rerank(distances, num_query, k1=20, k2=6, lambda_value=0.3, cameras=None,
           k1_intra=5, k2_intra=2):
    """Final distances of queries and gallery.

    Args:
        distances (np.ndarray): (N, N) float32 squared distances, queries
            first.
        num_query (int): Q.
        k1 (int): Length of the neighbour lists, without the image itself.
        k2 (int): Lists averaged over, the image itself among them.
        lambda_value (float): Weight of the original distance.
        cameras (np.ndarray, optional): (N,): the lists hold k1_intra images
            of the same camera and k1 of others, and k2_intra + k2 lists are
            averaged over (Chen et al., CA-Jaccard, CVPR 2024).
        k1_intra (int): See there.
        k2_intra (int): See there.

    Returns:
        np.ndarray: (Q, N - Q) float32.
    """
    num = len(distances)
    # The largest of each row too, since distances are symmetric.
    distances = np.transpose(distances / distances.max(axis=0))
    ranks = np.argsort(distances, axis=1).astype(np.int32)
    half = int(np.around(k1 / 2))
    if cameras is None:
        lists, halves, averaged = (
            ranks[:, :size] for size in (k1 + 1, half + 1, k2))
    else:
        lists, halves, averaged = (
            _lists_by_camera(ranks, cameras, *sizes) for sizes in (
                (k1_intra, k1), (int(np.around(k1_intra / 2)), half),
                (k2_intra, k2 - 1)))
    encoding = _encode(distances, lists, halves)
    distances = distances[:num_query]
    if averaged.shape[1] > 1:
        expanded = np.zeros_like(encoding)
        for i in range(num):
            expanded[i] = encoding[averaged[i][averaged[i] >= 0]].mean(axis=0)
        encoding = expanded
    del ranks, lists, halves, averaged
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
