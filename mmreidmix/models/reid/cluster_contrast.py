"""A strong adaptation baseline: contrast with centres of identities."""

from torch import Tensor

from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch

from .attention import AttentiveReID


@MODELS.register_module()
class ClusterContrast(AttentiveReID):
    """Classifies by a memory of centres, labelled and clusters together.

    -log(e^(f c_y / t) / sum_k e^(f c_k / t)) with unit-length features f and
    centres c of all identities. From SpCL (Ge et al., "Self-paced Contrastive
    Learning with Hybrid Memory", NeurIPS 2020) is the joint softmax over
    labelled identities and clusters with t = 0.05, and centres that are means
    of their images' latest features; from Cluster Contrast (Dai et al., ACCV
    2022) a memory of centres alone, without one entry per image. Ours:

    - images of no cluster are left out (SpCL makes each a class), and there
      is no self-paced criterion but that of the clusterer;
    - a batch replaces that share of a centre which its images have in the
      identity, b of n; they use a fixed momentum (0.2 and 0.1);
    - the centres of labelled identities are computed from embeddings of all
      their images whenever those of the clusters are, and before each epoch
      without clusters.

    ``id_head`` and ``triplet`` can be added to the loss, the former over
    labelled identities alone: a memory that is rebuilt in each epoch teaches
    a network without pretraining little.

    Args:
        contrast (dict): config of :class:`CentroidsLoss`.
        **kwargs: see :class:`AttentiveReID`. ``memory`` does not tell cameras
            apart and follows the batches.
    """

    parts = dict(
        AttentiveReID.parts,
        memory=dict(type='CentroidsMemory', per_camera=False, follow=True),
        contrast=dict(type='CentroidsLoss', temperature=0.05))
    loss_names = (*AttentiveReID.loss_names, 'contrast')

    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """L_contrast (+ L_id + L_triplet)."""
        return {
            **self.identity_losses(batch, labelled_only=True),
            **self.attention_losses(batch),
            **self.part_losses(batch, 'contrast')
        }
