"""The classifier over identities, labelled and pseudo."""

from typing import Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_count
from mmreidmix.registry import MODELS
from mmreidmix.structures import Clustering, TrainingBatch

#: Lengths that centres of clusters get as rows of the classifier.
CENTROID_SCALES = ('unit', 'labelled', None)


@MODELS.register_module()
class IdentityHead(BaseModule):
    """A bias-free linear classifier of which the first C rows are in use.

    The number of pseudo identities changes with every clustering, the size
    of the weight does not: only the classes that exist at present are
    multiplied. Of N_u unlabelled images and clusters of at least m images
    there are never more than N_u // m pseudo identities.

    Args:
        in_channels (int): width D of the features.
        max_classes (int): room for so many identities.
        loss (dict): config of the loss over logits (B, C) and labels (B,).
        temperature (float, optional): logits are the cosines of features and
            rows, divided by it (NormFace, arXiv 1704.06369; about 0.05),
            which takes hundreds of steps, not thousands. Defaults to None:
            products of features and rows.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`;
            by default N(0, 0.001^2) as in ``WangWenhao0716/DomainMix``.
    """

    def __init__(self,
                 in_channels: int,
                 max_classes: int,
                 loss: dict = dict(type='IdentityLoss'),  # noqa: B006
                 temperature: Optional[float] = None,
                 init_cfg=None):
        super().__init__(init_cfg)
        check_count(self, 1, max_classes=max_classes)
        if temperature is not None:
            check_above(self, 0, temperature=temperature)
        self.temperature = temperature
        self.weight = nn.Parameter(torch.empty(max_classes, in_channels))
        self.loss_module = MODELS.build(loss)
        nn.init.normal_(self.weight, std=0.001)

    def check_capacity(self, num_classes: int) -> None:
        """Raise ValueError where the identities do not fit."""
        if num_classes > len(self.weight):
            raise ValueError(
                f'the identity head has room for {len(self.weight)} '
                f'identities, the mixture has {num_classes}: set '
                f'model.id_head.max_classes to at least {num_classes} '
                '(labelled identities + unlabelled images // smallest '
                'cluster)')

    def forward(self, features: Tensor, num_classes: int) -> Tensor:
        """Logits (B, C) of features (B, D) for the first C classes."""
        rows = self.weight[:num_classes]
        if self.temperature is None:
            return F.linear(features, rows)
        features = F.normalize(features) / self.temperature
        return F.linear(features, F.normalize(rows))

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Loss of a batch among its identities, scalar.

        Of a part of a batch it is the share of the mean over all processes.
        """
        share = 1.0 if batch.whole is None else batch.share()
        logits = self(batch.b, batch.num_classes)
        if not len(batch):  # parameters still need a gradient
            return logits.sum() * 0
        return self.loss_module(logits, batch.labels) * share

    @torch.no_grad()
    def write_centroids(self, clustering: Clustering,
                        scale: Optional[str]) -> None:
        """Let the centres of clusters become their rows.

        The adaptive classifier initialisation of Wang et al., DomainMix
        (arXiv 2011.11953), where the length of a row is 1.

        Args:
            clustering (Clustering): clusters that fit in.
            scale (str, optional): length of the rows. 'unit': 1; 'labelled':
                the mean length of the rows of labelled identities, so that
                both kinds of logits start on one scale; None: the rows are
                left as they are.
        """
        first, rows = clustering.first, clustering.centroids
        if scale is None or not len(rows):
            return
        self.check_capacity(clustering.num_classes)
        if scale == 'labelled' and first:
            rows = rows * self.weight[:first].norm(dim=1).mean().cpu()
        self.weight[first:clustering.num_classes] = rows.to(self.weight)
