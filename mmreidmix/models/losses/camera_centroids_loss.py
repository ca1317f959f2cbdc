"""The camera centroids loss of ReMix."""

from typing import Optional

import torch
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_choice
from mmreidmix.distributed import mean_of_usable
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch

from .softmax_over_similarities import (
    filled_memory,
    log_sum_exp,
    mean_over_positives,
    scaled_similarity,
)

FALLBACKS = ('own', 'skip')


@MODELS.register_module()
class CameraCentroidsLoss(nn.Module):
    """Pulls an image to its identity as the other cameras see it.

    L_cc = mean_i mean_a - log(e^(f_i c_a / t) / (e^(f_i c_a / t) + sum_n
    e^(f_i c_n / t))): c_a are the centres of the image's identity in the
    other cameras, c_n centres of other identities in any camera. ReMix
    (arXiv 2410.21938); the form is a reconstruction, see
    docs/en/methods/remix.md; the hardest negatives are those of
    ``chenhao2345/ICE``.

    Args:
        temperature (float): t > 0.
        num_negatives (int, optional): so many most similar c_n; None: all.
        fallback (str): what is pulled to where an identity has no other
            camera: 'own', its centre in its only camera; 'skip', nothing.
        labelled_only (bool): images and centres of labelled identities
            alone, as the videos of ReMix show different people. False: those
            of clusters too.
    """

    def __init__(self,
                 temperature: float = 0.07,
                 num_negatives: Optional[int] = 50,
                 fallback: str = 'own',
                 labelled_only: bool = True):
        super().__init__()
        check_above(self, 0, temperature=temperature)
        if num_negatives is not None:
            check_above(self, 0, num_negatives=num_negatives)
        check_choice(self, FALLBACKS, fallback=fallback)
        self.temperature = temperature
        self.num_negatives = num_negatives
        self.fallback = fallback
        self.labelled_only = labelled_only

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of the images of a batch against the memory."""
        memory = filled_memory(batch, self)
        part = batch.labelled() if self.labelled_only else batch
        rows = memory.rows_below(part.num_classes)
        return self.compute(part.f, part.labels, part.camids,
                            memory.proxies[:rows], memory.labels[:rows],
                            memory.camids[:rows])

    def compute(self, features: Tensor, labels: Tensor, camids: Tensor,
                proxies: Tensor, proxy_labels: Tensor,
                proxy_camids: Tensor) -> Tensor:
        """Mean loss over the images with a centre to pull to, scalar.

        Args:
            features (Tensor): (B, D) unit length; B may be 0.
            labels (Tensor): (B,) identities.
            camids (Tensor): (B,) cameras, unique over domains.
            proxies (Tensor): (R, D) centre of each identity in each camera
                that sees it, unit length.
            proxy_labels (Tensor): (R,).
            proxy_camids (Tensor): (R,).
        """
        alike = labels[:, None] == proxy_labels
        positives = alike & (camids[:, None] != proxy_camids)
        if self.fallback == 'own':
            positives = torch.where(
                positives.any(1, keepdim=True), positives, alike)
        hardest = self._hardest(features, proxies, ~alike)
        # Of thousands of centres a batch needs few: the others take no part
        # in the backward pass.
        needed = positives.any(0)
        needed[hardest.flatten()] = True
        place = needed.cumsum(0) - 1
        logits = scaled_similarity(features, proxies[needed],
                                   self.temperature)
        negatives = log_sum_exp(
            logits.gather(1, place[hardest]), ~alike.gather(1, hardest))
        losses = mean_over_positives(logits, positives[:, needed], negatives)
        return mean_of_usable(losses, positives.any(1))

    @torch.no_grad()
    def _hardest(self, features: Tensor, proxies: Tensor,
                 which: Tensor) -> Tensor:
        """Rows of the centres to compare with, (B, n)."""
        if self.num_negatives is None or self.num_negatives >= len(proxies):
            rows = torch.arange(len(proxies), device=proxies.device)
            return rows.expand_as(which)
        logits = scaled_similarity(features, proxies, self.temperature)
        return logits.masked_fill_(~which, -torch.inf).topk(
            self.num_negatives, dim=1, sorted=False).indices
