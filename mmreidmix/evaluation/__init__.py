"""Scores of embeddings: functions over arrays and metrics of the runner."""
from .feature_table import FeatureTable
from .functional.query_gallery import QueryGallery
from .functional.ranking import RankingResult, rank, top_matches
from .functional.single_gallery_shot import (
    SingleShotResult,
    single_gallery_shot,
)
from .functional.split_statistics import add_split_means, mean_and_spread
from .metrics import (
    FeatureMetric,
    ReIDMetric,
    SplitReIDMetric,
    VerificationMetric,
    find_metric,
)

__all__ = [
    'FeatureMetric', 'FeatureTable', 'QueryGallery', 'RankingResult',
    'ReIDMetric', 'SingleShotResult', 'SplitReIDMetric',
    'VerificationMetric', 'add_split_means', 'find_metric',
    'mean_and_spread', 'rank', 'single_gallery_shot', 'top_matches'
]
