"""A growing set of vectors in memory, without ever copying it."""

import numpy as np

# Vectors of one block: memory is asked for in pieces of this size, and
# products are made block by block.
BLOCK = 1 << 14


class Vectors:
    """Vectors in blocks of equal size, appended to at the end.

    A vector never moves while others are appended, and no larger array is
    made when there is no room left: the peak is what the vectors take.

    Args:
        dim (int): dimensions D.
    """

    def __init__(self, dim: int):
        self.dim = dim
        self._count = 0
        self._blocks = []

    def __len__(self) -> int:
        return self._count

    def room(self, num: int) -> list[np.ndarray]:
        """Memory for the next vectors, to be filled before :meth:`append`.

        Args:
            num (int): how many.

        Returns:
            list[np.ndarray]: float32 arrays (n, D) with ``num`` rows in all.
        """
        places, first, last = [], self._count, self._count + num
        while first < last:
            block, row = divmod(first, BLOCK)
            if block == len(self._blocks):
                self._blocks.append(np.empty((BLOCK, self.dim), '<f4'))
            end = min(BLOCK, row + last - first)
            places.append(self._blocks[block][row:end])
            first += end - row
        return places

    def append(self, num: int) -> None:
        """Count the vectors written to :meth:`room` as present."""
        self._count += num

    def blocks(self):
        """Yield (first position, float32 (n, D)) over all vectors."""
        for first in range(0, self._count, BLOCK):
            block = self._blocks[first // BLOCK]
            yield first, block[:min(BLOCK, self._count - first)]

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Vectors at some positions.

        Args:
            positions (np.ndarray): (n,) integers, 0..N-1, in any order.

        Returns:
            np.ndarray: (n, D) float32, a copy.
        """
        taken = np.empty((len(positions), self.dim), np.float32)
        numbers, rows = np.divmod(positions, BLOCK)
        for number in np.unique(numbers):
            chosen = numbers == number
            taken[chosen] = self._blocks[number][rows[chosen]]
        return taken

    def keep(self, mask: np.ndarray) -> None:
        """Drop vectors, in place; the others move up in their order.

        Args:
            mask (np.ndarray): (N,) bool, True for those that stay.
        """
        kept = np.flatnonzero(mask)
        self._count = 0
        for first in range(0, len(kept), BLOCK):
            part = kept[first:first + BLOCK]
            # A vector only ever moves to the front, over what was read.
            self.room(len(part))[0][:] = self.take(part)
            self.append(len(part))
        del self._blocks[-(-self._count // BLOCK):]
