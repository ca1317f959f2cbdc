from .augmentation_loss import AugmentationLoss
from .camera_centroids_loss import CameraCentroidsLoss
from .centroids_loss import CentroidsLoss
from .domain_balance_loss import DomainBalanceLoss
from .identity_loss import IdentityLoss
from .instance_loss import InstanceLoss
from .triplet_loss import BatchHardTripletLoss, pairwise_distance

__all__ = [
    'AugmentationLoss', 'BatchHardTripletLoss', 'CameraCentroidsLoss',
    'CentroidsLoss', 'DomainBalanceLoss', 'IdentityLoss', 'InstanceLoss',
    'pairwise_distance'
]
