from .feature_table import FeatureTable
from .gather import gather_rows
from .metric import ReIDMetric
from .ranking import RankingResult, rank, top_matches

__all__ = [
    'FeatureTable', 'RankingResult', 'ReIDMetric', 'gather_rows', 'rank',
    'top_matches'
]
