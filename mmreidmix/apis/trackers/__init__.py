"""Embeddings for trackers of people in videos."""

from .embedder import TrackerEmbedder
from .gate import Gate

__all__ = ['Gate', 'TrackerEmbedder']
