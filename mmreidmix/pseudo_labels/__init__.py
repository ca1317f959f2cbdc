"""Pseudo labels from features: arrays in, arrays out."""
from .clustering import dbscan, renumber
from .diagnostics import describe_clustering
from .jaccard import (
    CollapsedFeaturesError,
    jaccard_graph,
    k_reciprocal_encoding,
)
from .neighbours import knn, normalise
from .pipeline import JaccardDBSCAN, PseudoLabelResult
from .reliability import CRITERIA, cluster_reliability, select_reliable

__all__ = [
    'CRITERIA', 'CollapsedFeaturesError', 'JaccardDBSCAN',
    'PseudoLabelResult', 'cluster_reliability', 'dbscan',
    'describe_clustering', 'jaccard_graph', 'k_reciprocal_encoding', 'knn',
    'normalise', 'renumber', 'select_reliable'
]
