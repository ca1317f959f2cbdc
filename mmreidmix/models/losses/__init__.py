"""Losses of a training batch, or of logits."""

from .batch_contrast_losses import AugmentationLoss, InstanceLoss
from .camera_centroids_loss import CameraCentroidsLoss
from .centroids_loss import CentroidsLoss
from .cluster_classification_loss import (
    ClusterClassificationLoss,
    ClusterWeightedLoss,
    SoftLabelLoss,
)
from .domain_balance_loss import DomainBalanceLoss
from .domain_similarity_loss import (
    CompactnessLoss,
    DomainSimilarityLoss,
    HypersphereLoss,
    NominalClassLoss,
)
from .identity_loss import IdentityLoss
from .triplet_loss import BatchHardTripletLoss, pairwise_distance

__all__ = [
    'AugmentationLoss', 'BatchHardTripletLoss', 'CameraCentroidsLoss',
    'CentroidsLoss', 'ClusterClassificationLoss', 'ClusterWeightedLoss',
    'CompactnessLoss', 'DomainBalanceLoss', 'DomainSimilarityLoss',
    'HypersphereLoss', 'IdentityLoss', 'InstanceLoss', 'NominalClassLoss',
    'SoftLabelLoss', 'pairwise_distance'
]
