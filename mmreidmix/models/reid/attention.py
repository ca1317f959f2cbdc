"""Domain adaptive attention, for any method that wants it."""

from collections.abc import Mapping

from torch import Tensor

from mmreidmix.models.encoder import stage_of
from mmreidmix.structures import TrainingBatch

from .base import BaseReID


class AttentiveReID(BaseReID):
    """A method whose encoder may have attention.

    Args:
        attention (dict, optional): config of :class:`DAAMNeck`: what goes on
            to the neck, or to the next stage of the backbone, is the
            domain-shared map alone.
        specific_head (dict, optional): config of
            :class:`DomainSpecificHead`, which learns from the
            domain-specific map; needs ``attention``.
        **kwargs: see :class:`BaseReID`.
    """

    parts = dict(BaseReID.parts, attention=None, specific_head=None)
    needs = dict(specific_head='attention')
    loss_names = (*BaseReID.loss_names, 'specific')

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.attention is not None:
            stage_of(self.backbone, self.attention.after or '')

    def part_defaults(self, name: str, cfg: Mapping) -> dict:
        """Widths; attention and its branch see the map."""
        if name == 'attention':
            return dict(in_channels=lambda: self.widths.map(cfg.get('after')))
        if name == 'specific_head':
            return dict(in_channels=lambda: self.attention.in_channels)
        defaults = super().part_defaults(name, cfg)
        if getattr(self, 'attention', None) is not None:
            defaults['specific_channels'] = lambda: self.attention.in_channels
        return defaults

    def attention_losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Loss of the specific map; mean and deviation of A, to be logged."""
        losses = {}
        if self.specific_head is not None:
            losses['loss_specific'] = self.specific_head.loss(batch)
        if self.attention is not None:
            mean, std = batch.attended.statistics()
            losses.update(attention_mean=mean, attention_std=std)
        return losses

    def parse_losses(self, losses: dict) -> tuple[Tensor, dict]:
        """Sum up the losses; say so where attention has collapsed."""
        loss, log_vars = super().parse_losses(losses)
        if 'attention_mean' in log_vars:
            self.attention.warn_of_collapse(float(log_vars['attention_mean']))
        return loss, log_vars
