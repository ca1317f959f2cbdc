"""Embeddings for trackers of people in videos."""

from .adapters import (
    BoxMOTEncoder,
    DeepSortRealtime,
    RoboflowModel,
    UltralyticsEncoder,
    norfair_distance,
)
from .deepstream import write_deepstream
from .embedder import TrackerEmbedder
from .gate import Gate
from .recordings import embed_recording, write_deep_sort
from .rows import filled_rows, rows_or_none

__all__ = [
    'BoxMOTEncoder', 'DeepSortRealtime', 'Gate', 'RoboflowModel',
    'TrackerEmbedder', 'UltralyticsEncoder', 'embed_recording',
    'filled_rows', 'norfair_distance', 'rows_or_none', 'write_deep_sort',
    'write_deepstream'
]
