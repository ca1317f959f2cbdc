"""Centres of identities that a loss compares with."""

from .centroids_memory import CentroidsMemory

__all__ = ['CentroidsMemory']
