"""A backbone, neck, head, loss, hook and sampler from outside the package.

Each is registered when this module is imported, which the config does by
``custom_imports``; from then on configs name it like any other component.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModule, is_model_wrapper
from torch import nn
from torch.utils.data import Sampler

from mmreidmix.datasets import SampleKey
from mmreidmix.models.heads import IdentityHead
from mmreidmix.registry import DATA_SAMPLERS, HOOKS, MODELS
from mmreidmix.structures import TrainingBatch


@MODELS.register_module()
class SmallConvNet(BaseModule):
    """Convolutions that halve the image once each.

    A backbone maps images (B, 3, H, W) to a tuple of feature maps, of which
    the model uses the last one.

    Args:
        channels (Sequence[int]): output channels of each convolution.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, channels=(16, 32, 64), init_cfg=None):
        super().__init__(init_cfg)
        self.stages = nn.Sequential(*[
            ConvModule(before, after, 3, 2, 1, norm_cfg={'type': 'BN'})
            for before, after in zip((3, *channels), channels)
        ])

    def forward(self, inputs: torch.Tensor) -> tuple:
        """Images (B, 3, H, W) to one map (B, C, h, w)."""
        return (self.stages(inputs), )


@MODELS.register_module()
class StripePooling(BaseModule):
    """Mean of each of several horizontal stripes, one behind the other.

    A neck maps what the backbone gave last to vectors (B, D).

    Args:
        num_stripes (int): S; D is then S times the channels.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, num_stripes: int, init_cfg=None):
        super().__init__(init_cfg)
        self.num_stripes = num_stripes

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Feature map (B, C, h, w) to vectors (B, S * C), top stripe first."""
        stripes = F.adaptive_avg_pool2d(features, (self.num_stripes, 1))
        return stripes.squeeze(3).transpose(1, 2).flatten(1)


@MODELS.register_module()
class CosineIdentityHead(IdentityHead):
    """Identity classifier on angles: logits = scale * cosine.

    Args:
        scale (float): factor before the softmax.
        **kwargs: see :class:`mmreidmix.models.heads.IdentityHead`.
    """

    def __init__(self, scale: float = 16.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def forward(self, features: torch.Tensor,
                num_classes: int) -> torch.Tensor:
        """Logits (B, C) of features (B, D) for the first C classes."""
        rows = F.normalize(self.weight[:num_classes])
        return self.scale * F.linear(F.normalize(features), rows)


@MODELS.register_module()
class SpreadLoss(nn.Module):
    """Mean squared distance of embeddings from the mean of their identity.

    A loss takes the whole batch; what it holds is told in
    :class:`mmreidmix.structures.TrainingBatch`.
    """

    def forward(self, batch: TrainingBatch) -> torch.Tensor:
        """Scalar loss of the embeddings f (B, D) of a batch."""
        same = (batch.labels[:, None] == batch.labels).to(batch.f)
        means = same @ batch.f / same.sum(1, keepdim=True)
        return (batch.f - means).square().sum(1).mean()


@HOOKS.register_module()
class HeadFirstHook(Hook):
    """Trains the heads alone for some epochs, then everything.

    With several processes it needs ``find_unused_parameters = True``.

    Args:
        epochs (int): so many epochs leave the weights of the backbone alone.
    """

    def __init__(self, epochs: int = 1):
        self.epochs = epochs

    def before_train_epoch(self, runner) -> None:
        """Freeze or thaw the backbone; also right after a resume."""
        model = runner.model.module if is_model_wrapper(
            runner.model) else runner.model
        train = runner.epoch >= self.epochs
        model.backbone.requires_grad_(train)
        if runner.epoch in (0, self.epochs):
            print_log(
                f'HeadFirstHook: the backbone is '
                f'{"trained" if train else "frozen"} from epoch '
                f'{runner.epoch + 1} on',
                logger='current')


@DATA_SAMPLERS.register_module()
class OneDomainBatchSampler(Sampler):
    """Batches of P identities x K images, each batch from a single domain.

    The domains that have identities take turns. As in ``PKBatchSampler``, all
    processes draw the same global batches from (seed, epoch) and take their
    part of each; labels are read when an epoch starts.

    Args:
        sampler (Sampler): MMEngine's ``DefaultSampler`` over the
            ``DomainMixture``; gives data set, seed and epoch.
        batch_size (int): images per process and iteration.
        iters_per_epoch (int): iterations per epoch.
        num_instances (int): K, images per identity, drawn with repetition.

    Raises:
        ValueError: the batch is not a multiple of K, or, when an epoch
            starts, no image has an identity.
    """

    def __init__(self,
                 sampler,
                 batch_size: int,
                 iters_per_epoch: int,
                 num_instances: int = 4):
        if batch_size % num_instances:
            raise ValueError(
                f'OneDomainBatchSampler: batch_size {batch_size} is not a '
                f'multiple of num_instances {num_instances}')
        self.sampler = sampler
        self.mixture = sampler.dataset
        self.batch_size = batch_size
        self.iters_per_epoch = iters_per_epoch
        self.num_instances = num_instances
        self.rank, self.world_size = get_dist_info()

    def __len__(self) -> int:
        return self.iters_per_epoch

    def __iter__(self) -> Iterator[list]:
        rng = np.random.default_rng([self.sampler.seed, self.sampler.epoch])
        domains = self._images_by_identity()
        num_ids = self.batch_size // self.num_instances * self.world_size
        for step in range(self.iters_per_epoch):
            groups = domains[step % len(domains)]
            picked = rng.choice(
                len(groups), num_ids, replace=num_ids > len(groups))
            images = np.concatenate(
                [rng.choice(groups[i], self.num_instances) for i in picked])
            seeds = rng.integers(2**31, size=len(images))
            batch = [
                SampleKey(int(index), int(seed))
                for index, seed in zip(images, seeds)
            ]
            start = self.rank * self.batch_size
            yield batch[start:start + self.batch_size]

    def _images_by_identity(self) -> list:
        """Per domain with identities, one array of image indices for each."""
        labels = self.mixture.label_table.labels
        known = np.flatnonzero(labels >= 0)
        if not len(known):
            raise ValueError('OneDomainBatchSampler: no image of the mixture '
                             'has an identity')
        owners = self.mixture.domain_of(known)
        domains = []
        for domain in np.unique(owners):
            images = known[owners == domain]
            domains.append([
                images[labels[images] == label]
                for label in np.unique(labels[images])
            ])
        return domains
