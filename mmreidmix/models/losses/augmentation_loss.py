"""The augmentation loss of ReMix."""

from torch import Tensor

from mmreidmix.registry import MODELS

from .softmax_over_similarities import BatchContrastLoss


@MODELS.register_module()
class AugmentationLoss(BatchContrastLoss):
    """Pulls an augmented image to its own original.

    L_aug: the only positive of :class:`BatchContrastLoss` is the momentum
    embedding of the anchor's own image, which was not augmented. ReMix (arXiv
    2410.21938); the form is a reconstruction, see docs/en/methods/remix.md.
    """

    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """The original of the anchor."""
        return own
