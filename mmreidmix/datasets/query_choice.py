"""Which images of tested people are queries."""

import numpy as np


def choose_queries(pids: np.ndarray, camids: np.ndarray) -> np.ndarray:
    """Choose queries so that each has a match by another camera.

    People whom one camera sees have no query. Of the others, the first image
    of each (person, camera) that has a second image is a query; a person
    without such a camera has one query, the first image. All other images
    are meant for the gallery.

    Args:
        pids (np.ndarray): (N,) people, in the order of the images; those
            below 0 have no query.
        camids (np.ndarray): (N,) cameras.

    Returns:
        np.ndarray: (N,) bool.

    Examples:
        >>> choose_queries(np.array([3, 3, 3, 5]),
        ...                np.array([0, 0, 1, 0])).tolist()
        [True, False, False, False]
    """
    query = np.zeros(len(pids), bool)
    rows = np.flatnonzero(pids >= 0)
    if not len(rows):
        return query
    rows = rows[np.lexsort((camids[rows], pids[rows]))]  # keeps their order
    pid, camid = pids[rows], camids[rows]
    new_pid = np.diff(pid, prepend=-1) != 0
    new_pair = new_pid | (np.diff(camid, prepend=-1) != 0)
    person, pair = np.cumsum(new_pid) - 1, np.cumsum(new_pair) - 1
    in_two_cameras = np.bincount(person[new_pair])[person] > 1
    chosen = in_two_cameras & new_pair & (np.bincount(pair)[pair] > 1)
    without = np.bincount(person, chosen)[person] == 0
    query[rows[chosen | (in_two_cameras & new_pid & without)]] = True
    return query


def seen_by_two(pids: np.ndarray, camids: np.ndarray) -> np.ndarray:
    """People >= 0 whom two cameras or more see, sorted."""
    pairs = np.unique(np.stack([pids, camids], 1), axis=0)
    people, counts = np.unique(pairs[:, 0], return_counts=True)
    return people[(people >= 0) & (counts > 1)]
