"""DAAM: adaptation from a labelled to an unlabelled domain."""

from typing import Optional

import numpy as np
import torch

from mmreidmix.checks import check_choice
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample

from .baseline import ReIDBaseline, full_precision
from .classifier_init import CLASSIFIER_INITS, write_centroids
from .labelled_id_loss import labelled_id_loss


@MODELS.register_module()
class DAAM(ReIDBaseline):
    """Domain adaptive attention with losses on both of its maps.

    Huang et al., "Domain Adaptive Attention Learning for Unsupervised Person
    Re-Identification" (AAAI 2020, arXiv 1905.10529). There is no public code:
    the split by attention is theirs, the losses are reconstructions of ours.

    - id: labelled images over labelled identities alone;
    - triplet: labelled and clustered images together;
    - similarity: shared features of both domains as those of one class;
    - specific: the domain, from the specific map;
    - target: clustered images over clusters that their camera has seen. The
      rows of the identity head behind the labelled identities are its
      classifier.

    Without unlabelled images in a batch (before ``PseudoLabelHook.begin``)
    target is left out, specific and similarity are 0.

    Args:
        similarity (dict, optional): config of a
            :class:`DomainSimilarityLoss`; needs ``attention``.
        target (dict, optional): config of a :class:`TargetLoss`; needs
            ``id_head``.
        classifier_init (str, optional): length of the rows that become
            centres of clusters, as in :class:`DomainMix`: 'unit', 'labelled'
            or None.
        **kwargs: see :class:`ReIDBaseline`.

    Raises:
        ValueError: an option lacks what it needs or is out of its range.
    """

    loss_names = (*ReIDBaseline.loss_names, 'similarity', 'target')

    def __init__(self,
                 similarity: Optional[dict] = None,
                 target: Optional[dict] = None,
                 classifier_init: Optional[str] = 'labelled',
                 **kwargs):
        super().__init__(**kwargs)
        check_choice(self, CLASSIFIER_INITS, classifier_init=classifier_init)
        for name, loss, needed in (('similarity', similarity, 'attention'),
                                   ('target', target, 'id_head')):
            if loss is not None and getattr(self, needed) is None:
                raise ValueError(f'DAAM: {name} needs {needed}: set {needed} '
                                 f'or leave {name} out')
        self.similarity = similarity and MODELS.build(similarity)
        self.target = target and MODELS.build(target)
        self.classifier_init = classifier_init
        self.images: Optional[np.ndarray] = None

    def loss(self, inputs: torch.Tensor,
             data_samples: list[ReIDDataSample]) -> dict[str, torch.Tensor]:
        """Losses of one batch."""
        labels = self.labels_of(data_samples)
        indices = np.array([sample.index for sample in data_samples])
        indices = indices[self.is_pseudo(labels).numpy()]
        labels = labels.to(inputs.device)
        x, b = self.extract(inputs)
        losses = self.identity_losses(x, b, labels)
        with torch.autocast(inputs.device.type, enabled=False):
            if self.similarity is not None:
                losses['loss_similarity'] = self.similarity(
                    full_precision(x), self.attention.last.pooled_specific(),
                    self.is_pseudo(labels).long())
            if self.target is not None and self._has_clusters():
                losses['loss_target'] = self.target_loss(
                    full_precision(b), labels, indices)
        return losses

    def id_loss(self, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Identity loss of labelled images over labelled identities."""
        return labelled_id_loss(self, b, labels)

    def target_loss(self, b: torch.Tensor, labels: torch.Tensor,
                    indices: np.ndarray) -> torch.Tensor:
        """Target loss of the clustered images of a batch.

        Args:
            b (Tensor): features of the batch, shape (B, D).
            labels (Tensor): identities, shape (B,).
            indices (np.ndarray): mixture indices of the B_t clustered images,
                shape (B_t,).
        """
        table = self.label_table
        first = table.num_labelled_classes
        pseudo = self.is_pseudo(labels)
        logits = self.id_head(b[pseudo], table.num_classes)[:, first:]
        # Where nothing is known, the loss says so.
        known = indices[:0] if self.images is None else self.images
        rows = torch.from_numpy(np.searchsorted(known, indices))
        return self.target(logits, labels[pseudo] - first, rows)

    def begin_pseudo_labels(self,
                            centroids: torch.Tensor,
                            first: int,
                            images: Optional[np.ndarray] = None,
                            embeddings: Optional[torch.Tensor] = None) -> None:
        """Initialise the target classifier and tell the target loss."""
        super().begin_pseudo_labels(centroids, first, images, embeddings)
        if self.target is None:
            return
        write_centroids(self.id_head, centroids, first, self.classifier_init)
        self.images = images
        clusters = torch.from_numpy(self.label_table.labels[images] - first)
        self.target.begin(embeddings, clusters, centroids,
                          torch.from_numpy(self.cameras[images]))

    def pseudo_label_state(self) -> dict:
        """The clustered images and what the target loss keeps of them."""
        if self.images is None:
            return {}
        return dict(
            images=torch.from_numpy(self.images), target=self.target.state())

    def load_pseudo_label_state(self, state: dict) -> None:
        """Take over what :meth:`pseudo_label_state` gave."""
        if state and self.target is not None:
            self.images = state['images'].numpy()
            self.target.load_state(state['target'])

    def _has_clusters(self) -> bool:
        table = self.label_table
        return table.num_classes > table.num_labelled_classes

