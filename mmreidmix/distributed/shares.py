"""Rows that are spread over the processes, each in one of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmengine.dist import all_gather, get_comm_device, get_dist_info
from torch import distributed as torch_dist


class Shares:
    """Who holds which rows: consecutive ones, process after process.

    Args:
        length (int): rows of this process. Every process must call it.

    Attributes:
        bounds (np.ndarray): (W + 1,) process r holds rows ``bounds[r]`` to
            ``bounds[r + 1]`` (exclusive).
        rank (int): of this process.
        first, last (int): its rows.
    """

    def __init__(self, length: int):
        lengths = all_gather(torch.tensor([length]))
        self.bounds = np.cumsum([0] + [int(part) for part in lengths])
        self.rank = get_dist_info()[0]
        self.first, self.last = self.bounds[self.rank:self.rank + 2].tolist()

    def __len__(self) -> int:
        return int(self.bounds[-1])

    @property
    def world_size(self) -> int:
        """Number of processes."""
        return len(self.bounds) - 1

    @property
    def longest(self) -> int:
        """Most rows of a process."""
        return int(np.diff(self.bounds).max())

    def length(self, rank: int) -> int:
        """Rows of a process."""
        return int(self.bounds[rank + 1] - self.bounds[rank])

    def chunks(self, size: int) -> Iterator[slice]:
        """Parts of the own rows, counted from the first of them.

        As many in every process, so that all can exchange at each; the last
        may be empty.
        """
        own = self.last - self.first
        for start in range(0, self.longest, size):
            yield slice(min(start, own), min(start + size, own))

    def lent(self, host: int, guest: int, size: int) -> list[slice]:
        """Parts of the rows of a host that a guest combines with its own.

        Of two processes the first combines all of its rows with the first
        half of the other's, and the second all of the first's with the
        second half of its own: so each pair is combined once, and all
        processes have the same work. There are as many parts of at most
        ``size`` in all of them, so that none waits for another.
        """
        end, num = self.length(host), -(-self.longest // size)
        end //= 2 if guest < host else 1
        return [slice(end * part // num, end * (part + 1) // num)
                for part in range(num)]

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows by the process that holds them; (n,) in rising order."""
        return np.split(rows, np.searchsorted(rows, self.bounds[1:-1]))

    def fetch(self, rows: np.ndarray,
              *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Get rows of arrays from whoever holds them.

        Args:
            rows (np.ndarray): (n,) in rising order.
            *arrays (np.ndarray): (m, ...) the own rows of each.

        Returns:
            tuple[np.ndarray, ...]: (n, ...) for each array.
        """
        wanted = [part - self.first for part in exchange(self.split(rows))]
        return tuple(
            np.concatenate(exchange([array[part] for part in wanted]))
            for array in arrays)


def exchange(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Give each process a part, and get the parts that are for this one.

    Args:
        parts (Sequence[np.ndarray]): (n_r, ...) for process r; lengths may
            differ, the other dimensions and the type may not. Every process
            must call it.

    Returns:
        list[np.ndarray]: that of process r for this one, (m_r, ...).
    """
    if len(parts) == 1:
        return [parts[0]]
    counts = _all_to_all(torch.tensor([len(part) for part in parts]))
    shape, dtype = parts[0].shape[1:], parts[0].dtype
    # Bytes: NumPy has types that torch has not.
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    sent = np.concatenate([
        np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        for part in parts])
    received = _all_to_all(
        torch.from_numpy(sent), [size * n for n in counts.tolist()],
        [size * len(part) for part in parts]).numpy()
    rows = received.view(dtype).reshape(-1, *shape)
    return np.split(rows, np.cumsum(counts.numpy())[:-1])


def pass_on(rows: np.ndarray, target: int, source: int) -> np.ndarray:
    """Give rows to one process and get those of another, which gives them.

    Every process must call it. (n, ...) become (m, ...).
    """
    world_size = get_dist_info()[1]
    return exchange([rows if rank == target else rows[:0]
                     for rank in range(world_size)])[source]


def _all_to_all(tensor: torch.Tensor, sizes_out: Sequence[int] = (),
                sizes_in: Sequence[int] = ()) -> torch.Tensor:
    device = get_comm_device()
    out = tensor.new_empty(
        sum(sizes_out) if sizes_out else len(tensor), device=device)
    torch_dist.all_to_all_single(
        out, tensor.to(device), list(sizes_out) or None,
        list(sizes_in) or None)
    return out.cpu()
