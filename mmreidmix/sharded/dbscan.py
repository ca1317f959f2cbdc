"""DBSCAN on a graph of which each process has the rows of its images."""

import numpy as np
import torch
from mmengine.dist import broadcast, get_world_size
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mmreidmix.distributed import gather_rows
from mmreidmix.distributed.shares import Shares, exchange
from mmreidmix.pseudo_labels import renumber


def dbscan_together(graph: sparse.csr_matrix, eps: float, min_samples: int,
                    shares: Shares) -> np.ndarray:
    """The labels of :func:`~mmreidmix.pseudo_labels.dbscan`.

    A process sends the first one a tree of each of its components.

    Args:
        graph (scipy.sparse.csr_matrix): (n, N) the own rows of the distances.
        eps (float): of :func:`~mmreidmix.pseudo_labels.dbscan`.
        min_samples (int): of the same.
        shares (Shares): who holds which images.

    Returns:
        np.ndarray: (N,) int64 in all processes.
    """
    own = np.arange(shares.first, shares.last)
    row = np.repeat(own, np.diff(graph.indptr))
    near = graph.data <= eps
    row, column = row[near], graph.indices[near]
    degrees = np.bincount(row - shares.first, minlength=len(own)) + 1
    core = _of_all(degrees >= min_samples)

    both = core[row] & core[column] & (row < column)
    labels = renumber(np.where(
        core, _components(row[both], column[both], shares), -1))

    border = ~core[row] & core[column]
    reached = np.full(len(own), len(core), np.int64)
    np.minimum.at(reached, row[border] - shares.first, labels[column[border]])
    return renumber(_of_all(
        np.where(reached < len(core), reached, labels[own])))


def _of_all(values: np.ndarray) -> np.ndarray:
    return gather_rows(torch.from_numpy(values)).numpy()


def _components(rows: np.ndarray, columns: np.ndarray,
                shares: Shares) -> np.ndarray:
    """Number (N,) of the connected component of each image."""
    num = len(shares)
    _, own = _connected(rows, columns, num)
    # Each image with the first one of its component is as good as all links.
    first = np.full(num, num, np.int32)
    np.minimum.at(first, own, np.arange(num, dtype=np.int32))
    first = first[own]
    linked = np.flatnonzero(first != np.arange(num)).astype(np.int32)
    rows, columns = (_to_main(part) for part in (linked, first[linked]))
    component = torch.empty(num, dtype=torch.int32)
    if shares.rank == 0:
        component.copy_(torch.from_numpy(_connected(rows, columns, num)[1]))
    broadcast(component)
    return component.numpy()


def _to_main(rows: np.ndarray) -> np.ndarray:
    """Rows of all processes in the main one, none in the others."""
    return np.concatenate(exchange([
        rows if rank == 0 else rows[:0] for rank in range(get_world_size())]))


def _connected(rows: np.ndarray, columns: np.ndarray,
               num: int) -> tuple[int, np.ndarray]:
    links = sparse.coo_matrix(
        (np.ones(len(rows), bool), (rows, columns)), shape=(num, num))
    return connected_components(links, directed=False)
