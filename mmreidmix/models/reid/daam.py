"""DAAM: adaptation from a labelled to an unlabelled domain."""

from collections.abc import Mapping
from typing import Optional

from torch import Tensor

from mmreidmix.checks import check_choice
from mmreidmix.models.heads.identity_head import CENTROID_SCALES
from mmreidmix.registry import MODELS
from mmreidmix.structures import Clustering, TrainingBatch

from .attention import AttentiveReID


@MODELS.register_module()
class DAAM(AttentiveReID):
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

    Before the first clustering target is left out, specific and similarity
    are 0.

    Args:
        similarity (dict, optional): config of a
            :class:`DomainSimilarityLoss`; needs ``attention``.
        target (dict, optional): config of a
            :class:`ClusterClassificationLoss`; needs ``id_head``.
        classifier_init (str, optional): length of the rows that become
            centres of clusters, see :meth:`IdentityHead.write_centroids`.
        **kwargs: see :class:`AttentiveReID`.
    """

    parts = dict(AttentiveReID.parts, similarity=None, target=None)
    needs = dict(
        AttentiveReID.needs, similarity='attention', target='id_head')
    loss_names = (*AttentiveReID.loss_names, 'similarity', 'target')

    def __init__(self, classifier_init: Optional[str] = 'labelled', **kwargs):
        super().__init__(**kwargs)
        check_choice(self, CENTROID_SCALES, classifier_init=classifier_init)
        self.classifier_init = classifier_init

    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """L_id + L_triplet + L_specific + L_similarity + L_target."""
        losses = {
            **self.identity_losses(batch, labelled_only=True),
            **self.attention_losses(batch),
            **self.part_losses(batch, 'similarity')
        }
        if self.target is not None and batch.num_classes > batch.num_labelled:
            losses['loss_target'] = self.target(batch, self.id_head)
        return losses

    def on_clustering(self, clustering: Clustering) -> None:
        """Initialise the target classifier and tell the target loss."""
        super().on_clustering(clustering)
        if self.target is not None:
            self.id_head.write_centroids(clustering, self.classifier_init)
            self.target.on_clustering(clustering)

    def label_state(self) -> dict:
        """What the model and the target loss keep of a clustering."""
        state = super().label_state()
        if self.target is not None:
            state.update(self.target.label_state())
        return state

    def load_label_state(self, state: Mapping) -> None:
        """Take over what :meth:`label_state` gave."""
        super().load_label_state(state)
        if self.target is not None:
            self.target.load_label_state(state)
