"""Pseudo labels from features: arrays in, arrays out."""

from mmreidmix.neighbours import (
    expand_neighbours,
    k_reciprocal_encoding,
    knn,
    neighbour_recall,
    normalise_rows,
)

from .clusterers import FINCH, JaccardDBSCAN, KMeans, PseudoLabelResult
from .dbscan import dbscan, drop_small, renumber
from .diagnostics import collapse_warning, describe_clustering, true_clusters
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
    'k_reciprocal_encoding', 'kmeans', 'knn', 'neighbour_recall',
    'normalise_rows', 'renumber', 'select_reliable', 'true_clusters'
]
