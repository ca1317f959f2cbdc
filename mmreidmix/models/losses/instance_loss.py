"""The instance loss of ReMix."""

from torch import Tensor

from mmreidmix.registry import MODELS

from .softmax_over_similarities import BatchContrastLoss


@MODELS.register_module()
class InstanceLoss(BatchContrastLoss):
    """Pulls an image to the others of its identity, away from all the rest.

    L_ins: the positives of :class:`BatchContrastLoss` are the momentum
    embeddings of the other images of the anchor's identity. ReMix (arXiv
    2410.21938); the form is a reconstruction, see docs/en/methods/remix.md.
    """

    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """All images of the identity but the anchor's own."""
        return alike & ~own
