"""The strong baseline: identity classification and a triplet loss."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.dist import all_reduce_dict
from mmengine.model import BaseModel

from mmreidmix.distributed import gather_with_grad
from mmreidmix.models.layers import group_batch_norm, last_output
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample


@MODELS.register_module()
class ReIDBaseline(BaseModel):
    """backbone -> neck -> BNNeck, with an identity head and a triplet loss.

    Every algorithm of the toolbox is this class with other losses. Identities
    are looked up by image index in the label table that ``MixtureHook``
    attaches; a sample carries none.

    Args:
        backbone (dict): gives a tuple of feature maps (or, for a ViT, of
            vectors), of which the last one is used.
        neck (dict | Sequence[dict]): from the last output of the backbone to
            vectors x (B, D): pooling, or several modules in a row.
        bnneck (dict): from x to b (B, D).
        id_head (dict, optional): classifier on b.
        triplet (dict, optional): loss on x.
        attention (dict, optional): config of :class:`DAAMNeck`: what goes on
            to the neck, or to the next stage of the backbone, is the
            domain-shared map alone.
        specific_head (dict, optional): config of
            :class:`DomainSpecificHead`, which learns from the
            domain-specific map; by default as wide as that.
        loss_weights (dict, optional): weight of a loss by its name without
            ``loss_``, e.g. ``dict(id=10.0)``. Defaults to 1.
        bn_group_size (int, optional): BatchNorm sees consecutive groups of
            so many images, whatever the number of processes; None: all
            images of a process.
        channels_last (bool): memory format of the weights. Defaults to True.
        data_preprocessor (dict, optional): config of the preprocessor.
        init_cfg (dict, optional): weights to start from.

    Attributes:
        label_table (LabelTable): identities, attached by ``MixtureHook``.
        cameras (np.ndarray): camera of each image of the mixture, unique over
            its domains, shape (N,); attached by ``PseudoLabelHook``.

    Raises:
        ValueError: ``specific_head`` without ``attention``, or
            ``attention.after`` is no part of the backbone.
    """

    #: What a config may weigh; a subclass adds its own losses.
    loss_names = ('id', 'triplet', 'specific')

    #: Whether ``PseudoLabelHook`` shall embed the labelled domains too, call
    #: ``begin_labelled`` with them and ``update_memory`` in each iteration.
    embeds_labelled = False

    def __init__(self,
                 backbone: dict,
                 neck: Union[dict, Sequence[dict]],
                 bnneck: dict,
                 id_head: Optional[dict] = None,
                 triplet: Optional[dict] = None,
                 attention: Optional[dict] = None,
                 specific_head: Optional[dict] = None,
                 loss_weights: Optional[dict] = None,
                 bn_group_size: Optional[int] = None,
                 channels_last: bool = True,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None):
        super().__init__(
            data_preprocessor or dict(type='ReIDDataPreprocessor'), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = _build_neck(neck)
        self.bnneck = MODELS.build(bnneck)
        self.id_head = id_head and MODELS.build(id_head)
        self.triplet = triplet and MODELS.build(triplet)
        self._build_attention(attention, specific_head)
        self.loss_weights = {}
        self.set_loss_weights(loss_weights)
        self.label_table = None
        self.cameras: Optional[np.ndarray] = None
        self.bn_group_size = bn_group_size
        if channels_last:
            self.backbone.to(memory_format=torch.channels_last)
        self._group_batch_norm(self)

    def _build_attention(self, attention, specific_head) -> None:
        if specific_head is not None and attention is None:
            raise ValueError(
                f'{type(self).__name__}: specific_head learns from the map '
                'that attention leaves over: set attention=dict(type='
                "'DAAMNeck', ...) or leave specific_head out")
        self.attention = attention and MODELS.build(attention)
        if attention is not None and self.attention.after is not None:
            self.attention.stage_of(self.backbone)
        self.specific_head = specific_head and MODELS.build(
            specific_head,
            default_args=dict(in_channels=self.attention.in_channels))

    def _group_batch_norm(self, module: nn.Module) -> None:
        if self.bn_group_size is not None:
            group_batch_norm(module, self.bn_group_size)

    def set_loss_weights(self, weights: Optional[dict]) -> None:
        """Set weights of losses, by their names without ``loss_``.

        Raises:
            ValueError: there is no such loss.
        """
        unknown = sorted(set(weights or {}) - set(self.loss_names))
        if unknown:
            raise ValueError(
                f'loss_weights: {type(self).__name__} has no loss {unknown}, '
                f'its losses are {sorted(self.loss_names)}')
        self.loss_weights.update(weights or {})

    def forward(self,
                inputs: torch.Tensor,
                data_samples: Optional[list[ReIDDataSample]] = None,
                mode: str = 'tensor'):
        """One of three things, by ``mode``.

        Args:
            inputs (Tensor): normalised images, shape (B, 3, H, W).
            data_samples (list[ReIDDataSample], optional): their facts.
            mode (str): 'tensor' -> embeddings (B, D), of unit length;
                'predict' -> data samples with ``embedding`` set; 'loss' ->
                dict of scalar losses.
        """
        if mode == 'loss':
            return self.weighted(self.loss(inputs, data_samples))
        embeddings = self.embed(inputs)
        if mode == 'tensor':
            return embeddings
        if mode != 'predict':
            raise ValueError(f"mode must be 'tensor', 'predict' or 'loss', "
                             f'got {mode!r}')
        for sample, embedding in zip(data_samples, embeddings):
            sample.embedding = embedding
        return data_samples

    @property
    def embedder(self) -> nn.Module:
        """What embeds images outside of training; see :meth:`extract`."""
        return self

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        """Unit-length embeddings (B, D) of images (B, 3, H, W)."""
        b = self.extract(inputs, self.embedder)[1]
        return F.normalize(full_precision(b))

    def extract(self,
                inputs: torch.Tensor,
                encoder: Optional[nn.Module] = None
                ) -> tuple[torch.Tensor, ...]:
        """Features before and behind the BNNeck: x (B, D) and b (B, D).

        Args:
            inputs (Tensor): normalised images, shape (B, 3, H, W).
            encoder (nn.Module, optional): has ``backbone``, ``attention``
                (or None), ``neck`` and ``bnneck``; by default those of the
                model.
        """
        encoder = self if encoder is None else encoder
        if encoder.attention is None:
            features = last_output(encoder.backbone(inputs))
        else:
            features = encoder.attention.run(encoder.backbone, inputs)
        x = last_output(encoder.neck(features))
        return x, encoder.bnneck(x)

    def loss(self, inputs: torch.Tensor,
             data_samples: list[ReIDDataSample]) -> dict[str, torch.Tensor]:
        """Identity and triplet loss of one batch."""
        labels = self.labels_of(data_samples).to(inputs.device)
        x, b = self.extract(inputs)
        return self.identity_losses(x, b, labels)

    def identity_losses(self, x: torch.Tensor, b: torch.Tensor,
                        labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Losses that know identities, not in half precision.

        With attention, its mean and standard deviation in the last forward
        pass are there too, to be logged. They are no losses.

        Args:
            x (Tensor): features before the BNNeck, shape (B, D).
            b (Tensor): features behind it, shape (B, D).
            labels (Tensor): identities, shape (B,).
        """
        losses = {}
        x, b = full_precision(x), full_precision(b)
        with torch.autocast(x.device.type, enabled=False):
            if self.id_head is not None:
                losses['loss_id'] = self.id_loss(b, labels)
            if self.triplet is not None:
                losses['loss_triplet'] = self.triplet_loss(x, labels)
            if self.specific_head is not None:
                losses['loss_specific'] = self.specific_head.loss(
                    self.attention.last.pooled_specific(),
                    self.is_pseudo(labels).long())
        if self.attention is not None:
            mean, std = self.attention.last.statistics()
            losses.update(attention_mean=mean, attention_std=std)
        return losses

    def id_loss(self, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Identity loss of b (B, D) with identities labels (B,)."""
        return self.id_head.loss(b, labels, self.label_table.num_classes)

    def triplet_loss(self, x: torch.Tensor,
                     labels: torch.Tensor) -> torch.Tensor:
        """Triplet loss of x (B, D) with identities labels (B,).

        Hard pairs are looked for in the whole batch, so that the loss does
        not depend on the number of processes.
        """
        return self.triplet(x, labels, gather_with_grad(x),
                            gather_with_grad(labels))

    def is_pseudo(self, labels: torch.Tensor) -> torch.Tensor:
        """Whether identities are those of unlabelled domains, (B,)."""
        return labels >= self.label_table.num_labelled_classes

    def labels_of(self, data_samples: list[ReIDDataSample]) -> torch.Tensor:
        """Identities (B,) of a batch, on the CPU.

        Raises:
            RuntimeError: no label table is attached.
            ValueError: an image has no identity at present.
        """
        if self.label_table is None:
            raise RuntimeError('the model has no label table: keep '
                               '`default_hooks.mixture` of the base config')
        indices = [sample.index for sample in data_samples]
        labels = self.label_table.labels[indices]
        if labels.min() < 0:
            index = indices[int(labels.argmin())]
            raise ValueError(
                f'image {index} of the mixture has no identity, but is in a '
                'training batch; sample with PKBatchSampler')
        return torch.from_numpy(labels)

    def weighted(self, losses: dict[str,
                                    torch.Tensor]) -> dict[str, torch.Tensor]:
        """Scale each loss, so that the logged ones add up to the total."""
        return {
            name: value * self.loss_weights.get(
                name.removeprefix('loss_'), 1.0)
            for name, value in losses.items()
        }

    def parse_losses(self, losses):
        """Sum up the losses; what is logged is the mean over processes."""
        loss, log_vars = super().parse_losses(losses)
        log_vars = {k: v.detach().clone() for k, v in log_vars.items()}
        all_reduce_dict(log_vars, op='mean')
        if 'attention_mean' in log_vars:
            self.attention.warn_of_collapse(float(log_vars['attention_mean']))
        return loss, log_vars

    def begin_pseudo_labels(self,
                            centroids: torch.Tensor,
                            first: int,
                            images: Optional[np.ndarray] = None,
                            embeddings: Optional[torch.Tensor] = None) -> None:
        """Hear of new pseudo identities (called after each clustering).

        The label table has them already.

        Args:
            centroids (Tensor): unit-length centre of each pseudo identity,
                shape (K, D).
            first (int): class of the first one.
            images (np.ndarray, optional): mixture indices of the clustered
                images, ascending, shape (n,). ``ReMixHook`` tells neither
                them nor their embeddings.
            embeddings (Tensor, optional): theirs, of unit length, shape
                (n, D).
        """
        self.check_room(first + len(centroids))

    def pseudo_label_state(self) -> dict:
        """What a checkpoint between two clusterings has to hold.

        The label table is saved in any case.
        """
        return {}

    def load_pseudo_label_state(self, state: dict) -> None:
        """Take over what :meth:`pseudo_label_state` gave."""

    def check_room(self, num_classes: int) -> None:
        """Raise ValueError where the identities do not fit the head."""
        if self.id_head is not None:
            self.id_head.check_room(num_classes)


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """Half-precision features as float32, others as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _build_neck(cfg) -> nn.Module:
    if isinstance(cfg, dict):
        return MODELS.build(cfg)
    return nn.Sequential(*[MODELS.build(c) for c in cfg])
