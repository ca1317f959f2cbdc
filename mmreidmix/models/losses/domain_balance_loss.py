"""The domain balance loss of DomainMix."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.registry import MODELS


@MODELS.register_module()
class DomainBalanceLoss(nn.Module):
    """Asks for features that the discriminator can not place.

    L_db = mean_i sum_j (q_ij log q_ij + 1/2) over two domains, with
    q = softmax(u). It equals 1 - H(q) (nats): smallest, 1 - log 2, at
    q = (1/2, 1/2). Wang et al., DomainMix (arXiv 2011.11953); code:
    ``WangWenhao0716/DomainMix``, ``dg/trainers.py``. Computed from
    log-softmax, so that q = 0 gives 0 and not NaN as in that code.
    """

    def forward(self, logits: Tensor) -> Tensor:
        """Scalar loss of domain logits u (B, 2)."""
        log_q = F.log_softmax(logits, dim=1)
        return (log_q.exp() * log_q + 0.5).sum(dim=1).mean()
