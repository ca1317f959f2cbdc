"""The strong baseline: identity classification and a triplet loss."""

from torch import Tensor

from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch

from .attention import AttentiveReID


@MODELS.register_module()
class ReIDBaseline(AttentiveReID):
    """Identity loss on b and triplet loss on x, labelled or pseudo.

    Luo et al., "Bag of Tricks and a Strong Baseline for Deep Person
    Re-Identification" (CVPRW 2019). Options: :class:`AttentiveReID`.
    """

    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """L = L_id + L_triplet (+ L_specific with attention)."""
        return self.identity_losses(batch) | self.attention_losses(batch)
