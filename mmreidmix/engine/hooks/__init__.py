from .domainmix_phase_hook import DomainMixPhaseHook
from .epoch_seed_hook import EpochSeedHook
from .mixture_hook import MixtureHook
from .non_finite_loss_hook import NonFiniteLossHook
from .pictures_hook import PicturesHook
from .pseudo_label_hook import PseudoLabelHook, cluster_centroids
from .remix_hook import ReMixHook
from .reset_optimizer_hook import ResetOptimizerHook
from .step_time_hook import StepTimeHook

__all__ = [
    'DomainMixPhaseHook', 'EpochSeedHook', 'MixtureHook', 'NonFiniteLossHook',
    'PicturesHook', 'PseudoLabelHook', 'ReMixHook', 'ResetOptimizerHook',
    'StepTimeHook', 'cluster_centroids'
]
