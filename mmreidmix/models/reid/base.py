"""What every method of re-identification shares."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Optional, Union

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce_dict
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmreidmix.checks import check_choice
from mmreidmix.distributed import gather_with_grad
from mmreidmix.models.encoder import encode
from mmreidmix.models.layers import group_batch_norm
from mmreidmix.models.layers.momentum_encoder import fill_momentum_encoder
from mmreidmix.models.parts import REQUIRED, Widths, build_neck, build_part
from mmreidmix.registry import MODELS
from mmreidmix.signatures import options_of
from mmreidmix.structures import (
    Clustering,
    ReIDDataSample,
    TrainingBatch,
)


class BaseReID(BaseModel, metaclass=ABCMeta):
    """An encoder (backbone, neck, BNNeck) and what may go with it.

    A method is a subclass: it names its :attr:`parts` and
    :attr:`loss_names`, and adds its losses up in :meth:`loss`. A training
    step is :meth:`unpack`, which makes a :class:`TrainingBatch` of images and
    labels, then the losses of the method and those that the config adds.

    Args:
        backbone (dict): gives a tuple of feature maps (or, for a ViT, of
            vectors), of which the last one is used.
        neck (dict | Sequence[dict]): from the last output of the backbone to
            vectors x (B, D): pooling, or several modules in a row.
        bnneck (dict): from x to b (B, D).
        losses (dict[str, dict], optional): losses to add, by name: configs of
            modules whose ``forward`` takes a :class:`TrainingBatch`, and
            their ``weight``. The log shows them as ``loss_<name>``. None
            leaves out a loss of a base config.
        loss_weights (dict, optional): weight of a loss by its name without
            ``loss_``, e.g. ``dict(id=10.0)``. Others weigh 1.
        inference (str): what embeds images outside of training:
            'momentum_encoder', where there is one, or 'encoder'.
        bn_group_size (int, optional): BatchNorm sees consecutive groups of
            so many images, whatever the number of processes; None: all
            images of a process.
        channels_last (bool): memory format of the weights.
        data_preprocessor (dict, optional): config of the preprocessor.
        init_cfg (dict, optional): weights to start from.
        **parts: configs of the optional :attr:`parts`; one without ``type``
            changes options of the default. All models have ``id_head``, a
            classifier on b; ``triplet``, a loss on x; ``memory``, a
            :class:`CentroidsMemory`; ``momentum_encoder``, a
            :class:`MomentumEncoder`.

    ``in_channels`` of bnneck, parts and losses need not be given.

    Attributes:
        label_table (LabelTable): identities; set by :meth:`attach`.
        cameras (np.ndarray): (N,) camera of each image of the mixture, unique
            over its domains; set by :meth:`attach`.
        last_batch (tuple[Tensor]): unit-length embeddings, identities and
            cameras of the last training batch, for the memory.

    Raises:
        TypeError: the method has no such part, or needs one.
        ValueError: an option out of its range.
    """

    #: Optional parts: name -> config, if none is given. Built in this order.
    parts: Mapping[str, Optional[dict]] = dict(
        id_head=None, triplet=None, memory=None, momentum_encoder=None)

    #: Parts that work with another part alone: name -> name of the other.
    needs: Mapping[str, str] = {}

    #: What a config may weigh; a subclass adds its own losses.
    loss_names: tuple[str, ...] = ('id', 'triplet')

    def __init__(self,
                 backbone: dict,
                 neck: Union[dict, Sequence[dict]],
                 bnneck: dict,
                 losses: Optional[dict] = None,
                 loss_weights: Optional[dict] = None,
                 inference: str = 'momentum_encoder',
                 bn_group_size: Optional[int] = None,
                 channels_last: bool = True,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None,
                 **parts):
        super().__init__(
            data_preprocessor or dict(type='ReIDDataPreprocessor'), init_cfg)
        check_choice(
            self, ('momentum_encoder', 'encoder'), inference=inference)
        self.inference = inference
        self.backbone = MODELS.build(backbone)
        self.neck = build_neck(neck)
        self.widths = Widths(self.backbone, self.neck)
        self.bnneck = self._build('bnneck', bnneck)
        configs = self._part_configs(parts)
        momentum_encoder = configs.pop('momentum_encoder')
        for name, cfg in configs.items():
            setattr(self, name, self._build(name, cfg))
        weights = self._build_losses(losses or {})
        self.loss_weights: dict[str, float] = {}
        self.set_loss_weights({**weights, **(loss_weights or {})})
        self.label_table: Any = None
        self.cameras: Optional[np.ndarray] = None
        self.last_batch: tuple = ()
        if channels_last:
            self.backbone.to(memory_format=torch.channels_last)
        if bn_group_size is not None:
            group_batch_norm(self, bn_group_size)
        # Last of all: it is a copy of the finished encoder.
        self.momentum_encoder = build_part(
            'momentum_encoder', momentum_encoder, dict(encoder=lambda: self))
        if self.momentum_encoder is not None:
            self._register_load_state_dict_pre_hook(fill_momentum_encoder)

    def part_defaults(self, name: str, cfg: Mapping) -> dict:
        """Options that a part gets where ``cfg`` leaves them out."""
        return dict(in_channels=self.widths.embedding)

    def _build(self, name: str, cfg: Optional[Mapping]) -> Optional[nn.Module]:
        return build_part(name, cfg, self.part_defaults(name, cfg or {}))

    def _part_configs(self, given: Mapping) -> dict[str, Optional[dict]]:
        """Configs of all parts, checked for parts that lack another."""
        name, unknown = type(self).__name__, sorted({*given} - {*self.parts})
        if unknown:
            raise TypeError(
                f'model: {name} has no part or option {unknown}; it has '
                f'{sorted({*self.parts, *options_of(type(self))})}')
        configs = {**self.parts, **given}
        for part, cfg in configs.items():
            default = self.parts[part]
            if cfg and default and 'type' not in cfg:
                # It changes options of the default.
                configs[part] = cfg = dict(default, **cfg)
            if cfg is REQUIRED:
                raise TypeError(f'{name} needs the part {part!r}: set '
                                f"model.{part} = dict(type='...')")
            other = self.needs.get(part)
            if cfg and other and not configs[other]:
                raise ValueError(
                    f'{name}: {part} needs {other}: set model.{other} = '
                    f"dict(type='...') or leave {part} out")
        return configs

    def _build_losses(self, losses: Mapping) -> dict[str, float]:
        """Build the losses that the config adds; return their weights."""
        self.losses, weights = nn.ModuleDict(), {}
        if not isinstance(losses, Mapping) or not all(
                isinstance(cfg, Mapping) or cfg is None
                for cfg in losses.values()):
            raise TypeError(
                'model.losses must be configs by name, such as dict(spread='
                f"dict(type='SpreadLoss', weight=0.1)), got {losses!r}")
        for name, cfg in losses.items():
            if cfg is None:
                continue  # a base config added it
            if name in self.loss_names:
                raise ValueError(
                    f'losses: {type(self).__name__} has a loss {name!r} of '
                    'its own; give the added one another name')
            cfg = dict(cfg)
            weights[name] = cfg.pop('weight', 1.0)
            self.losses[name] = self._build(f'losses.{name}', cfg)
        return weights

    def set_loss_weights(self, weights: Mapping[str, float]) -> None:
        """Set weights of losses, by their names without ``loss_``."""
        known = {*self.loss_names, *self.losses}
        unknown = sorted({*weights} - known)
        if unknown:
            raise ValueError(
                f'loss_weights: {type(self).__name__} has no loss {unknown}, '
                f'its losses are {sorted(known)}')
        for name, weight in weights.items():
            if not isinstance(weight, Real):
                raise TypeError(f'the weight of loss {name!r} must be a '
                                f'number, got {weight!r}')
        self.loss_weights.update(weights)

    def init_weights(self) -> None:
        """Initialise the encoder; the momentum encoder begins as its copy.

        Also with ``init_cfg=dict(type='Pretrained')`` and a file that holds
        both: to go on with both, use ``load_from`` or ``--resume``.
        """
        super().init_weights()
        if self.momentum_encoder is not None:
            self.momentum_encoder.copy_from(self)

    # ---- one training step -------------------------------------------------

    def forward(self,
                inputs: Tensor,
                data_samples: Optional[list[ReIDDataSample]] = None,
                mode: str = 'tensor') -> Any:
        """One of three things, by ``mode``.

        Args:
            inputs (Tensor): (B, 3, H, W) normalised images; in training see
                :meth:`unpack`.
            data_samples (list[ReIDDataSample], optional): B of them.
            mode (str): 'tensor' -> embeddings (B, D), of unit length;
                'predict' -> data samples with ``embedding`` set; 'loss' ->
                dict of scalar losses.
        """
        check_choice('forward', ('tensor', 'predict', 'loss'), mode=mode)
        if mode == 'loss':
            return self._weighted_losses(self.unpack(inputs, data_samples))
        embeddings = self.embed(inputs)
        if mode == 'tensor':
            return embeddings
        for sample, embedding in zip(data_samples, embeddings):
            sample.embedding = embedding
        return data_samples

    def unpack(self, inputs: Tensor,
               data_samples: list[ReIDDataSample]) -> TrainingBatch:
        """Encode the images of a batch and look their identities up.

        Args:
            inputs (Tensor): (B, 3, H, W) normalised images, or an augmented
                and an original view, (2, B, 3, H, W), of which the momentum
                encoder embeds the second.
            data_samples (list[ReIDDataSample]): one per image.
        """
        indices = np.array([sample.index for sample in data_samples])
        labels, camids = self._labels_of(indices), self.cameras[indices]
        images, *views = inputs.unbind() if inputs.ndim == 5 else (inputs, )
        if views and self.momentum_encoder is None:
            raise ValueError(
                f'{type(self).__name__} has no momentum encoder, but the '
                'images come in two views: set model.momentum_encoder = '
                "dict(type='MomentumEncoder') or leave TwoViews out of the "
                'training pipeline')
        encoded = encode(self, images)
        with torch.no_grad():
            momentum = (
                self.embed(views[0], self.momentum_encoder) if views else None)
        device = encoded.b.device
        return TrainingBatch(
            encoded,
            torch.from_numpy(labels).to(device),
            self.label_table.num_labelled_classes,
            self.label_table.num_classes,
            camids=torch.from_numpy(camids).long().to(device),
            indices=indices,
            momentum=momentum,
            memory=self.memory)

    def _labels_of(self, indices: np.ndarray) -> np.ndarray:
        if self.label_table is None:
            raise RuntimeError('the model has no label table: keep '
                               '`default_hooks.mixture` of the base config')
        labels = self.label_table.labels[indices]
        if labels.min() < 0:
            raise ValueError(
                f'image {indices[labels.argmin()]} of the mixture has no '
                'identity, but is in a training batch; sample with '
                'PKBatchSampler')
        return labels

    def _weighted_losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Losses of method and config, so that the logged ones add up."""
        with torch.autocast(batch.labels.device.type, enabled=False):
            losses = self.loss(batch)
            for name, loss in self.losses.items():
                losses[f'loss_{name}'] = value = loss(batch)
                if not isinstance(value, Tensor) or value.ndim:
                    raise TypeError(
                        f'model.losses.{name}: {type(loss).__name__} must '
                        'return a scalar tensor, such as the mean over '
                        f'images, got {_kind(value)}')
            if self.memory is not None:
                embeddings = batch.momentum
                if embeddings is None:
                    embeddings = batch.f.detach()
                self.last_batch = (embeddings, batch.labels, batch.camids)
        for name in losses:
            weight = self.loss_weights.get(name.removeprefix('loss_'), 1.0)
            losses[name] = losses[name] * weight
        return losses

    @abstractmethod
    def loss(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Losses of the method, by ``loss_<name>``, not weighted."""

    def identity_losses(self, batch: TrainingBatch,
                        labelled_only: bool = False) -> dict[str, Tensor]:
        """Identity loss and triplet loss, where the model has them.

        With ``labelled_only`` the identity loss is that of labelled images
        among labelled identities. The triplet loss takes all images.
        """
        losses = {}
        if self.id_head is not None:
            losses['loss_id'] = self.id_head.loss(
                batch.labelled() if labelled_only else batch)
        return losses | self.part_losses(batch, 'triplet')

    def part_losses(self, batch: TrainingBatch, *names: str) -> dict:
        """Losses of those of the named parts that the model has."""
        return {
            f'loss_{name}': getattr(self, name)(batch)
            for name in names if getattr(self, name) is not None
        }

    def parse_losses(self, losses: dict) -> tuple[Tensor, dict]:
        """Sum up the losses; what is logged is the mean over processes."""
        loss, log_vars = super().parse_losses(losses)
        log_vars = {k: v.detach().clone() for k, v in log_vars.items()}
        all_reduce_dict(log_vars, op='mean')
        return loss, log_vars

    # ---- what hooks ask of a model -----------------------------------------

    def attach(self, mixture: Any) -> None:
        """Hear of the data, a ``DomainMixture``, before training."""
        self.check_capacity(mixture.label_table.num_classes)
        self.label_table = mixture.label_table
        self.cameras = mixture.unique_camids()

    def check_capacity(self, num_classes: int) -> None:
        """Raise ValueError where the identities do not fit the head."""
        if self.id_head is not None:
            self.id_head.check_capacity(num_classes)

    @property
    def embedder(self) -> nn.Module:
        """The encoder of ``inference``: embeds outside of training."""
        return self if self.inference == 'encoder' else self.label_encoder

    @property
    def label_encoder(self) -> nn.Module:
        """What embeds images for pseudo labels: the slow copy, if any."""
        return self.momentum_encoder or self

    def embed(self, inputs: Tensor,
              encoder: Optional[nn.Module] = None) -> Tensor:
        """Unit-length embeddings (B, D) of normalised images (B, 3, H, W).

        They are made by ``encoder``, by default :attr:`embedder`.
        """
        return F.normalize(encode(encoder or self.embedder, inputs).b)

    def on_clustering(self, clustering: Clustering) -> None:
        """Hear of new pseudo identities; the label table has them already."""
        self.check_capacity(clustering.num_classes)

    def update_memory(self) -> None:
        """Let the last batch of all processes into the memory."""
        self.memory.update(*map(gather_with_grad, self.last_batch))

    def label_state(self) -> dict:
        """What a checkpoint between two clusterings has to hold as well."""
        if self.memory is None:
            return {}
        num = self.memory.num_classes
        return dict(num_classes=num, memory=self.memory.state_dict_below(num))

    def load_label_state(self, state: Mapping) -> None:
        """Take over what :meth:`label_state` gave."""
        if self.memory is not None and 'memory' in state:
            self.memory.load_rows(state['memory'], state['num_classes'],
                                  next(self.parameters()).device)

    def identity_weights(self) -> list[nn.Parameter]:
        """Parameters with a row for each identity."""
        weight = getattr(self.id_head, 'weight', None)
        return [] if weight is None else [weight]


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f'a tensor of shape {tuple(value.shape)}'
    return f'a {type(value).__name__}'
