"""What travels between the parts: a sample, a batch, a clustering."""

from .clustering import Clustering
from .collate import stack_images
from .reid_data_sample import ReIDDataSample
from .training_batch import Encoded, Keys, TrainingBatch, full_precision

__all__ = [
    'Clustering', 'Encoded', 'Keys', 'ReIDDataSample', 'TrainingBatch',
    'full_precision', 'stack_images'
]
