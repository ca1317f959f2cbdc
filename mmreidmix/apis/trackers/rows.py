"""What stands in for the embedding of a box that has none."""

from typing import Optional

import numpy as np


def rows_or_none(rows: np.ndarray) -> list[Optional[np.ndarray]]:
    """Embeddings (dim,) of (n, dim) one by one, None for rows of zeros."""
    return [row if row.any() else None for row in rows]


def filled_rows(rows: np.ndarray,
                generator: np.random.Generator) -> np.ndarray:
    """Embeddings with random directions in place of rows of zeros.

    In many dimensions a random direction is at a right angle to all others:
    the box is like nobody, and like no other box without an embedding.

    Args:
        rows (np.ndarray): (n, dim) float32, of unit length or zero.
        generator (np.random.Generator): what is drawn from.

    Returns:
        np.ndarray: (n, dim) float32 of unit length.
    """
    empty = ~rows.any(axis=1)
    drawn = generator.standard_normal((int(empty.sum()), rows.shape[1]))
    rows = rows.copy()
    rows[empty] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return rows
