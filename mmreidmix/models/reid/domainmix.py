"""DomainMix: labelled synthetic + unlabelled real."""


from typing import Optional

import numpy as np
import torch

from mmreidmix.checks import check_choice
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample

from .baseline import ReIDBaseline, full_precision
from .classifier_init import CLASSIFIER_INITS, write_centroids

DOMAIN_LABELS = ('role', 'released')


@MODELS.register_module()
class DomainMix(ReIDBaseline):
    """The baseline plus a discriminator that the encoder learns to confuse.

    Wang et al., "DomainMix: Learning Generalizable Person Re-Identification
    Without Human Annotations" (BMVC 2021, arXiv 2011.11953);
    ``WangWenhao0716/DomainMix``. ``DomainMixPhaseHook`` says which of the
    three kinds of iteration it is by setting :attr:`step`:

    - 'identity': identity and triplet loss;
    - 'discriminator': only the discriminator learns (its own optimizer);
    - 'balance': identity, triplet and domain balance loss.

    Args:
        domain_head (dict): config of :class:`DomainBalanceHead`.
        domain_label (str): what the discriminator calls labelled. 'role':
            images of labelled domains. 'released': images whose class is at
            most the number of labelled classes, so that the first cluster
            counts as labelled, as the released code has it.
        classifier_init (str, optional): adaptive classifier initialisation:
            length of the rows of pseudo identities, which become the
            clusters' centres. 'unit' as released; 'labelled': the mean length
            of the rows of the labelled identities, so that both kinds of
            logits start on one scale; None: the rows are left as they are.
        **kwargs: see :class:`ReIDBaseline`.
    """

    loss_names = (*ReIDBaseline.loss_names, 'discriminator', 'domain_balance')

    def __init__(self,
                 domain_head: dict,
                 domain_label: str = 'role',
                 classifier_init: Optional[str] = 'labelled',
                 **kwargs):
        super().__init__(**kwargs)
        check_choice(self, DOMAIN_LABELS, domain_label=domain_label)
        check_choice(self, CLASSIFIER_INITS, classifier_init=classifier_init)
        self.domain_head = MODELS.build(domain_head)
        self.domain_label = domain_label
        self.classifier_init = classifier_init
        self.step = 'identity'
        self._group_batch_norm(self.domain_head)

    def loss(self, inputs: torch.Tensor,
             data_samples: list[ReIDDataSample]) -> dict[str, torch.Tensor]:
        """Losses of one batch, by the kind of iteration."""
        labels = self.labels_of(data_samples).to(inputs.device)
        if self.step == 'discriminator':
            return self.discriminator_loss(inputs, labels)
        x, b = self.extract(inputs)
        losses = self.identity_losses(x, b, labels)
        if self.step == 'balance':
            with torch.autocast(inputs.device.type, enabled=False):
                losses['loss_domain_balance'] = (
                    self.domain_head.loss_balance(full_precision(b)))
        return losses

    def discriminator_loss(self, inputs: torch.Tensor,
                           labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Loss of a discriminator step; the encoder gets no gradient."""
        with torch.no_grad():
            b = self.extract(inputs)[1]
        with torch.autocast(inputs.device.type, enabled=False):
            return dict(
                loss_discriminator=self.domain_head.loss_discriminator(
                    full_precision(b), self.domains_of(labels)))

    def domains_of(self, labels: torch.Tensor) -> torch.Tensor:
        """What the discriminator is to say: 0 labelled, 1 not, (B,)."""
        if self.domain_label == 'released':
            return (labels > self.label_table.num_labelled_classes).long()
        return self.is_pseudo(labels).long()

    def begin_pseudo_labels(self,
                            centroids: torch.Tensor,
                            first: int,
                            images: Optional[np.ndarray] = None,
                            embeddings: Optional[torch.Tensor] = None) -> None:
        """Adaptive classifier initialisation.

        Row ``first + k`` of the identity head becomes centroid k, scaled as
        ``classifier_init`` says.
        """
        super().begin_pseudo_labels(centroids, first, images, embeddings)
        write_centroids(self.id_head, centroids, first, self.classifier_init)
