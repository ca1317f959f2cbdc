"""DomainMix: labelled synthetic + unlabelled real."""

from typing import Optional

import torch
from torch import Tensor

from mmreidmix.checks import check_choice
from mmreidmix.models.heads.identity_head import CENTROID_SCALES
from mmreidmix.models.parts import REQUIRED
from mmreidmix.registry import MODELS
from mmreidmix.structures import Clustering, ReIDDataSample, TrainingBatch

from .attention import AttentiveReID


@MODELS.register_module()
class DomainMix(AttentiveReID):
    """The baseline plus a discriminator that the encoder learns to confuse.

    Wang et al., "DomainMix: Learning Generalizable Person Re-Identification
    Without Human Annotations" (BMVC 2021, arXiv 2011.11953);
    ``WangWenhao0716/DomainMix``. ``DomainMixPhaseHook`` says which kind of
    iteration it is by setting :attr:`phase`:

    - 'identity': identity and triplet loss;
    - 'both': identity, triplet, domain balance and discriminator loss;
    - 'discriminator': only the discriminator learns (its own optimizer);
    - 'balance': identity, triplet and domain balance loss.

    The last two are those of the released code.

    Args:
        domain_head (dict): config of :class:`DomainBalanceHead`.
        domain_label (str): what the discriminator calls labelled. 'role':
            images of labelled domains. 'released': images whose class is at
            most the number of labelled classes, so that the first cluster
            counts as labelled, as the released code has it.
        classifier_init (str, optional): adaptive classifier initialisation,
            see :meth:`IdentityHead.write_centroids`. 'unit' as released.
        **kwargs: see :class:`AttentiveReID`.
    """

    parts = dict(AttentiveReID.parts, domain_head=REQUIRED)
    loss_names = (*AttentiveReID.loss_names, 'discriminator', 'domain_balance')

    def __init__(self, domain_label: str = 'role',
                 classifier_init: Optional[str] = 'labelled', **kwargs):
        super().__init__(**kwargs)
        check_choice(self, ('role', 'released'), domain_label=domain_label)
        check_choice(self, CENTROID_SCALES, classifier_init=classifier_init)
        self.domain_label = domain_label
        self.classifier_init = classifier_init
        self.phase = 'identity'

    def unpack(self, inputs: Tensor,
               data_samples: list[ReIDDataSample]) -> TrainingBatch:
        """Encode, without gradients where the discriminator alone learns."""
        learns = torch.is_grad_enabled() and self.phase != 'discriminator'
        with torch.set_grad_enabled(learns):
            return super().unpack(inputs, data_samples)

    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """L_id + L_triplet (+ L_domain_balance), or the discriminator's."""
        if self.phase == 'discriminator':
            return dict(
                loss_discriminator=self.domain_head.loss_discriminator(
                    batch.b, self.roles_of(batch)))
        losses = self.identity_losses(batch) | self.attention_losses(batch)
        if self.phase in ('balance', 'both'):
            losses['loss_domain_balance'] = self.domain_head.loss_balance(
                batch.b)
        if self.phase == 'both':
            losses['loss_discriminator'] = self.domain_head.loss_discriminator(
                batch.b, self.roles_of(batch))
        return losses

    def roles_of(self, batch: TrainingBatch) -> Tensor:
        """Targets of the discriminator: 0 labelled, 1 unlabelled, (B,)."""
        if self.domain_label == 'released':
            return (batch.labels > batch.num_labelled).long()
        return batch.roles

    def on_clustering(self, clustering: Clustering) -> None:
        """Adaptive classifier initialisation: rows become centres."""
        super().on_clustering(clustering)
        if self.id_head is not None:
            self.id_head.write_centroids(clustering, self.classifier_init)
