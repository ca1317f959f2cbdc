"""Plain dense definitions the sparse code is compared with."""
import hypothesis
import numpy as np

quick = hypothesis.settings(
    deadline=None, derandomize=True, max_examples=25)


def blobs(num, dim=8, seed=0, per=6, noise=0.35):
    """Feature vectors around random centres, and their centre's number."""
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, max(1, num // per), num)
    centres = rng.normal(size=(max(1, num // per), dim))
    return (centres[pids] + noise * rng.normal(size=(num, dim))).astype(
        np.float32), pids


def unit(features):
    features = features.astype(np.float64)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(
        np.float32)


def dense_knn(features, k):
    sims = (features.astype(np.float64) @ features.T.astype(np.float64))
    sims = sims.astype(np.float32)
    order = []
    for i, row in enumerate(sims):
        ranked = sorted(range(len(row)), key=lambda j: (j != i, -row[j], j))
        order.append(ranked[:k])
    order = np.array(order)
    return order, np.take_along_axis(sims, order, 1)


def dense_encoding(features, ranks, k1, k2):
    """Set by set, as the definition reads."""
    half = min(int(np.around(k1 / 2)) + 1, k1)
    return _encode(features, *([list(r[:k]) for r in ranks]
                               for k in (k1, half, k2)))


def dense_camera_encoding(features, cameras, k1, k2, k1_intra, k2_intra):
    """The same over lists of images of the own and of other cameras."""
    if len(set(cameras)) == 1:  # none to tell apart
        cameras = range(len(features))
    ranks = dense_knn(features, len(features))[0]

    def lists(intra, inter):
        found = []
        for i, (_, *others) in enumerate(ranks):
            same = [j for j in others if cameras[j] == cameras[i]]
            rest = [j for j in others if cameras[j] != cameras[i]]
            found.append([i, *same[:intra], *rest[:inter]])
        return found

    return _encode(
        features, lists(k1_intra, k1),
        lists(int(np.around(k1_intra / 2)), int(np.around(k1 / 2))),
        lists(k2_intra, k2 - 1))


def _encode(features, lists, half_lists, averaged):
    num = len(features)
    features = features.astype(np.float64)

    def reciprocal(lists):
        return [{j for j in lists[i] if i in lists[j]} for i in range(num)]

    whole, halves = reciprocal(lists), reciprocal(half_lists)
    encoding = np.zeros((num, num))
    for i in range(num):
        members = set(whole[i])
        for c in whole[i]:
            if len(halves[c] & whole[i]) > 2 / 3 * len(halves[c]):
                members |= halves[c]
        members = sorted(members)
        distance = ((features[members] - features[i])**2).sum(1)
        weights = np.exp(-distance)
        encoding[i, members] = weights / weights.sum()
    return np.stack([encoding[own].mean(0) for own in averaged])


def dense_jaccard(encoding):
    shared = np.minimum(encoding[:, None], encoding[None]).sum(-1)
    return np.maximum(0, 1 - shared / (2 - shared))


def dense_reliable(labels, tight, loose, alpha, quantile, min_size, criteria):
    """N x N membership matrices and loops over images."""
    num = len(labels)

    def same(values):
        matrix = np.equal.outer(values, values) & (values >= 0)[:, None]
        return matrix | np.eye(num, dtype=bool)

    normal = same(labels)

    def distance(other):
        return np.array([
            1 - (a & b).sum() / (a | b).sum()
            for a, b in zip(normal, same(other))])

    d_comp, d_indep = distance(tight), distance(loose)
    if alpha is None and 'independence' in criteria:
        known = sorted(d_indep[normal[np.flatnonzero(labels == c)[0]]].min()
                       for c in set(labels[labels >= 0])
                       if (labels == c).sum() > 1)
        if known:
            alpha = known[min(len(known) - 1, round(quantile * len(known)))]
    keep = normal.sum(1) > 1
    for i in range(num):
        members = normal[i]
        if 'independence' in criteria and alpha is not None:
            keep[i] &= d_indep[members].min() <= alpha
        if 'compactness' in criteria:
            keep[i] &= d_comp[i] <= d_comp[members].min()
    least = min_size if 'quantity' in criteria else 2
    enough = [(normal[i] & keep).sum() >= least for i in range(num)]
    keep &= np.array(enough, bool)
    result, names = np.full(num, -1), {}
    for i in np.flatnonzero(keep):
        result[i] = names.setdefault(labels[i], len(names))
    return result, alpha
