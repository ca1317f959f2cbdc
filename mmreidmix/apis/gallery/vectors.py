"""A growing set of vectors in memory, never copied as a whole."""

from collections.abc import Iterator

import numpy as np

# Vectors of one block: memory is asked for in pieces of this size, and
# products are made block by block.
BLOCK = 1 << 14


class Vectors:
    """Vectors in blocks of equal size, appended to at the end.

    A vector never moves while others are appended, and no larger array is
    made when the memory is used up: the peak is what the vectors take.

    Args:
        dim (int): dimensions D.
    """

    def __init__(self, dim: int):
        self.dim = dim
        self._count = 0
        self._blocks: list[np.ndarray] = []

    def __len__(self) -> int:
        return self._count

    def reserve(self, num: int) -> list[np.ndarray]:
        """Give memory for the next vectors, to be filled before `append`.

        Returns:
            list[np.ndarray]: float32 arrays (n, D) with ``num`` rows in all.
        """
        reserved, first, last = [], self._count, self._count + num
        while first < last:
            block, row = divmod(first, BLOCK)
            if block == len(self._blocks):
                self._blocks.append(np.empty((BLOCK, self.dim), '<f4'))
            end = min(BLOCK, row + last - first)
            reserved.append(self._blocks[block][row:end])
            first += end - row
        return reserved

    def append(self, num: int) -> None:
        """Count the vectors written to :meth:`reserve` as present."""
        self._count += num

    def extend(self, vectors: np.ndarray) -> None:
        """Append copies of vectors (n, D)."""
        first = 0
        for part in self.reserve(len(vectors)):
            part[:] = vectors[first:first + len(part)]
            first += len(part)
        self.append(first)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first position, float32 (n, D)) over all vectors."""
        for first in range(0, self._count, BLOCK):
            block = self._blocks[first // BLOCK]
            yield first, block[:min(BLOCK, self._count - first)]

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Copy the vectors at (n,) positions in any order: (n, D) float32."""
        taken = np.empty((len(positions), self.dim), np.float32)
        numbers, rows = np.divmod(positions, BLOCK)
        for number in np.unique(numbers):
            chosen = numbers == number
            taken[chosen] = self._blocks[number][rows[chosen]]
        return taken

    def keep(self, mask: np.ndarray) -> None:
        """Drop the vectors outside a (N,) mask; the others move up."""
        positions = np.flatnonzero(mask)
        self._count = 0
        for first in range(0, len(positions), BLOCK):
            # A vector only moves to the front, over what was read.
            self.extend(self.take(positions[first:first + BLOCK]))
        del self._blocks[-(-self._count // BLOCK):]
