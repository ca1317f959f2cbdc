"""ReMix: labelled multi-camera + unlabelled single-camera data."""

from collections.abc import Mapping

from torch import Tensor

from mmreidmix.checks import check_choice
from mmreidmix.models.losses.softmax_over_similarities import NEGATIVES
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample, TrainingBatch

from .attention import AttentiveReID


@MODELS.register_module()
class ReMix(AttentiveReID):
    """An encoder and its momentum encoder, compared by up to four losses.

    Mamedov et al., "ReMix: Training Generalized Person Re-identification on a
    Mixture of Data" (WACV 2025, arXiv 2410.21938). There is no public code:
    what is certain and what is a choice is told in docs/en/methods/remix.md.
    The encoder sees the augmented image, the momentum encoder the original
    (transform ``TwoViews``). ``ReMixHook`` labels the videos.

    Args:
        instance (dict, optional): config of :class:`InstanceLoss`; None
            leaves a loss out.
        augmentation (dict, optional): config of :class:`AugmentationLoss`.
        centroids (dict, optional): config of :class:`CentroidsLoss`.
        camera_centroids (dict, optional): config of
            :class:`CameraCentroidsLoss`; multi-camera images only.
        negatives (str): what instance, augmentation and centroids loss push
            an image away from, see :func:`comparable_pairs`.
        momentum (float): lambda of :class:`MomentumEncoder`.
        momentum_warmup (bool): its ``warmup``.
        **kwargs: see :class:`AttentiveReID`; ``id_head`` and ``triplet`` can
            be added to the losses.
    """

    parts = dict(
        AttentiveReID.parts,
        instance=dict(type='InstanceLoss'),
        augmentation=dict(type='AugmentationLoss'),
        centroids=dict(type='CentroidsLoss'),
        camera_centroids=dict(type='CameraCentroidsLoss'),
        memory=dict(type='CentroidsMemory'))
    loss_names = (*AttentiveReID.loss_names, 'instance', 'augmentation',
                  'centroids', 'camera_centroids')

    def __init__(self, negatives: str = 'joint', momentum: float = 0.999,
                 momentum_warmup: bool = False, **kwargs):
        check_choice('ReMix', NEGATIVES, negatives=negatives)
        self.negatives = negatives
        encoder = dict(
            type='MomentumEncoder', momentum=momentum, warmup=momentum_warmup)
        kwargs.setdefault('momentum_encoder', encoder)
        super().__init__(**kwargs)

    def part_defaults(self, name: str, cfg: Mapping) -> dict:
        """Widths, and the negatives for the losses of ReMix."""
        defaults = super().part_defaults(name, cfg)
        if name in self.loss_names:
            defaults['negatives'] = lambda: self.negatives
        return defaults

    def unpack(self, inputs: Tensor,
               data_samples: list[ReIDDataSample]) -> TrainingBatch:
        """Encode the augmented view, embed the original."""
        if inputs.ndim != 5 or len(inputs) != 2:
            raise ValueError(
                'ReMix trains on an augmented and an original view, but got '
                f'inputs of shape {tuple(inputs.shape)}: put '
                "dict(type='TwoViews', ...) into the training pipeline, "
                'before PackReIDInputs')
        return super().unpack(inputs, data_samples)

    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """L_ins + L_aug + L_cen + gamma L_cc (gamma: ``loss_weights``)."""
        return {
            **self.identity_losses(batch),
            **self.attention_losses(batch),
            **self.part_losses(batch, 'instance', 'augmentation', 'centroids',
                               'camera_centroids')
        }
