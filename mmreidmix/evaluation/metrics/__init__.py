"""Metrics that the runner calls in a validation or a test."""
from .base import FeatureMetric
from .retrieval import ReIDMetric, find_metric
from .split_retrieval import SplitReIDMetric
from .verification import VerificationMetric

__all__ = [
    'FeatureMetric', 'ReIDMetric', 'SplitReIDMetric', 'VerificationMetric',
    'find_metric'
]
