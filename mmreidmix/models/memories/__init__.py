"""Centres of identities that a loss compares with."""

from .centroids import CentroidsMemory

__all__ = ['CentroidsMemory']
