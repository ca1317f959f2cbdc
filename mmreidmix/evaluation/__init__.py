from .feature_table import FeatureTable
from .metric import ReIDMetric, find_metric
from .ranking import RankingResult, rank, top_matches
from .single_shot import SingleShotResult, single_gallery_shot
from .split_metric import SplitReIDMetric
from .split_sets import add_split_means
from .splits import mean_and_spread
from .verification_metric import VerificationMetric

__all__ = [
    'VerificationMetric',
    'FeatureTable', 'RankingResult', 'ReIDMetric', 'SingleShotResult',
    'SplitReIDMetric', 'add_split_means', 'find_metric',
    'mean_and_spread', 'rank', 'single_gallery_shot', 'top_matches'
]
