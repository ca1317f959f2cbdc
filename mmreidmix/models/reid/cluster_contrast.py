"""A strong adaptation baseline: contrast with centres of identities."""

from typing import Optional

import numpy as np
import torch
import torch.nn.functional as F

from mmreidmix.distributed import gather_with_grad
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample

from .baseline import ReIDBaseline, full_precision
from .labelled_id_loss import labelled_id_loss


@MODELS.register_module()
class ClusterContrast(ReIDBaseline):
    """Classifies by a memory of centres, labelled and clusters together.

    - log(e^(f c_y / t) / sum_k e^(f c_k / t)) with unit-length features f and
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
    a network without pretraining little. ``PseudoLabelHook``
    fills the memory and lets it follow.

    Args:
        contrast (dict): config of :class:`CentroidsLoss`.
        memory (dict): config of :class:`CentroidsMemory`; cameras are not
            told apart.
        **kwargs: see :class:`ReIDBaseline`.
    """

    loss_names = (*ReIDBaseline.loss_names, 'contrast')
    embeds_labelled = True

    def __init__(self,
                 contrast: dict = dict(  # noqa: B006
                     type='CentroidsLoss', temperature=0.05),
                 memory: dict = dict(type='CentroidsMemory'),  # noqa: B006
                 **kwargs):
        super().__init__(**kwargs)
        self.contrast = MODELS.build(contrast)
        self.memory = MODELS.build(memory)
        self.seen: tuple = ()

    def loss(self, inputs: torch.Tensor,
             data_samples: list[ReIDDataSample]) -> dict[str, torch.Tensor]:
        """Losses of one batch.

        Raises:
            RuntimeError: the memory does not fit the label table.
        """
        memory, wanted = self.memory, self.label_table.num_classes
        if memory.num_classes != wanted:
            raise RuntimeError(
                f'the memory holds {memory.num_classes} of {wanted} '
                'identities: set `default_hooks.pseudo_labels = dict(type='
                "'PseudoLabelHook', ...)`. A run can be resumed between two "
                'clusterings only from a checkpoint saved with the same '
                '`interval`')
        labels = self.labels_of(data_samples).to(inputs.device)
        x, b = self.extract(inputs)
        losses = self.identity_losses(x, b, labels)
        with torch.autocast(inputs.device.type, enabled=False):
            f = F.normalize(full_precision(b))
            losses['loss_contrast'] = self.contrast(
                f, labels, memory.centroids, memory.known)
        self.seen = f.detach(), labels, torch.zeros_like(labels)
        return losses

    def id_loss(self, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Identity loss of labelled images over labelled identities."""
        return labelled_id_loss(self, b, labels)

    def update_memory(self) -> None:
        """Let the features of the last batch into the memory."""
        self.memory.update(*map(gather_with_grad, self.seen))

    def begin_labelled(self, images: np.ndarray, blocks) -> None:
        """Compute the centres of labelled identities, forget the others.

        Args:
            images (np.ndarray): mixture indices of N images, shape (N,).
            blocks (Iterable[Tensor]): their unit-length embeddings in blocks
                (n, D).
        """
        self._rebuild(images, blocks, 0,
                      self.label_table.num_labelled_classes)

    def begin_pseudo_labels(self,
                            centroids: torch.Tensor,
                            first: int,
                            images: Optional[np.ndarray] = None,
                            embeddings: Optional[torch.Tensor] = None) -> None:
        """Compute the centres of clusters behind the labelled ones."""
        super().begin_pseudo_labels(centroids, first, images, embeddings)
        self._rebuild(images, [embeddings], first, first + len(centroids))

    def pseudo_label_state(self) -> dict:
        """The memory, which has followed the batches."""
        num = self.memory.num_classes
        return dict(num_classes=num, memory=self.memory.state_dict_below(num))

    def load_pseudo_label_state(self, state: dict) -> None:
        """Take over what :meth:`pseudo_label_state` gave."""
        self.memory.load_rows(state['memory'], state['num_classes'],
                              next(self.parameters()).device)

    def _rebuild(self, images, blocks, first: int, num_classes: int) -> None:
        self.memory.rebuild(
            blocks,
            self.label_table.labels[images],
            np.zeros(len(images), np.int64),
            num_classes,
            next(self.parameters()).device,
            first=first)
