"""Hooks of the runner, one concern each."""
from .check_start_hook import CheckStartHook
from .check_weights_hook import CheckWeightsHook
from .doctor_hook import DoctorHook
from .domainmix_phase_hook import DomainMixPhaseHook
from .epoch_seed_hook import EpochSeedHook
from .labelling_hook import LabellingHook
from .memory_hook import MemoryHook
from .mixture_hook import MixtureHook
from .momentum_encoder_hook import MomentumEncoderHook
from .non_finite_loss_hook import NonFiniteLossHook
from .pictures_hook import PicturesHook
from .provenance_hook import ProvenanceHook
from .pseudo_label_hook import PseudoLabelHook
from .remix_hook import ReMixHook
from .reset_optimizer_hook import ResetOptimizerHook
from .start_evaluation_hook import StartEvaluationHook
from .start_share_hook import StartShareHook
from .step_time_hook import StepTimeHook
from .stop_hook import StopHook

__all__ = [
    'CheckStartHook', 'CheckWeightsHook', 'DoctorHook', 'DomainMixPhaseHook',
    'EpochSeedHook',
    'LabellingHook', 'MemoryHook', 'MixtureHook', 'MomentumEncoderHook',
    'NonFiniteLossHook', 'PicturesHook', 'ProvenanceHook', 'PseudoLabelHook',
    'ReMixHook', 'ResetOptimizerHook', 'StartEvaluationHook', 'StartShareHook',
    'StepTimeHook', 'StopHook'
]
