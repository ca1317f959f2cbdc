"""A loss that keeps what the start model knows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_choice
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch


@MODELS.register_module()
class DistillationLoss(nn.Module):
    """Holds embeddings near those of the model that training started from.

    Args:
        kind (str): 'embedding' or 'relation'.
        temperature (float): of the relations.
    """

    def __init__(self, kind: str = 'embedding', temperature: float = 0.1):
        super().__init__()
        check_above(self, 0, temperature=temperature)
        check_choice(self, ('embedding', 'relation'), kind=kind)
        self.kind = kind
        self.temperature = temperature

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of f (B, D) against the start embeddings of the batch."""
        if batch.start is None:
            raise RuntimeError(
                'DistillationLoss compares with the start model: set '
                "model.start_encoder = dict(type='StartEncoder')")
        if self.kind == 'embedding':
            return (1 - (batch.f * batch.start).sum(1)).mean()
        return self.relation(batch.f, batch.start)

    def relation(self, features: Tensor, start: Tensor) -> Tensor:
        """Mean KL divergence of the similarities of each image."""
        own = torch.eye(len(start), dtype=torch.bool, device=start.device)
        rows = [(x @ x.T / self.temperature).masked_fill(own, -1e4)
                for x in (features, start)]
        return F.kl_div(rows[0].log_softmax(1), rows[1].log_softmax(1),
                        log_target=True, reduction='batchmean')
