from .domain_balance_loss import DomainBalanceLoss
from .identity_loss import IdentityLoss
from .triplet_loss import BatchHardTripletLoss, pairwise_distance

__all__ = [
    'BatchHardTripletLoss', 'DomainBalanceLoss', 'IdentityLoss',
    'pairwise_distance'
]
