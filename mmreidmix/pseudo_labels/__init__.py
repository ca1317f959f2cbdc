"""Pseudo labels from features: arrays in, arrays out."""
from mmreidmix.neighbours.expansion import expand_neighbours
from mmreidmix.neighbours.k_reciprocal import k_reciprocal_encoding
from mmreidmix.neighbours.knn_search import knn, neighbour_recall, normalise

from .clusterers import FINCH, JaccardDBSCAN, KMeans, PseudoLabelResult
from .dbscan import dbscan, drop_small, renumber
from .diagnostics import (
    collapse_warning,
    describe_clustering,
    true_clusters,
)
from .finch import finch, finch_partitions
from .jaccard import CollapsedFeaturesError, jaccard_graph
from .kmeans import kmeans
from .per_group import cluster_per_group
from .reliability import CRITERIA, cluster_reliability, select_reliable

__all__ = [
    'CRITERIA', 'CollapsedFeaturesError', 'FINCH', 'JaccardDBSCAN', 'KMeans',
    'PseudoLabelResult', 'cluster_per_group', 'cluster_reliability',
    'collapse_warning', 'dbscan', 'describe_clustering', 'drop_small',
    'expand_neighbours', 'finch', 'finch_partitions', 'jaccard_graph',
    'k_reciprocal_encoding',
    'kmeans', 'knn', 'neighbour_recall', 'normalise', 'renumber',
    'select_reliable', 'true_clusters'
]
