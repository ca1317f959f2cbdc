"""ReMix: labelled multi-camera + unlabelled single-camera data."""

from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.logging import print_log

from mmreidmix.checks import check_choice
from mmreidmix.distributed import gather_with_grad
from mmreidmix.registry import MODELS
from mmreidmix.structures import ReIDDataSample

from .baseline import ReIDBaseline, full_precision
from .momentum import MomentumEncoder

INFERENCE = ('momentum_encoder', 'encoder')
ENCODER = ('backbone', 'attention', 'neck', 'bnneck')
NEGATIVES = ('joint', 'separate', 'video', 'certain')


@MODELS.register_module()
class ReMix(ReIDBaseline):
    """An encoder and its momentum encoder, compared by up to four losses.

    Mamedov et al., "ReMix: Training Generalized Person Re-identification on a
    Mixture of Data" (WACV 2025, arXiv 2410.21938). There is no public code:
    what is certain and what is a choice is told in docs/en/methods/remix.md.
    The encoder sees the augmented image, the momentum encoder the original
    (transform ``TwoViews``). ``ReMixHook`` fills the memory at the start of
    each epoch and updates the momentum encoder after each iteration. None
    leaves a loss out.

    Args:
        instance (dict, optional): config of :class:`InstanceLoss`.
        augmentation (dict, optional): config of :class:`AugmentationLoss`.
        centroids (dict, optional): config of :class:`CentroidsLoss`.
        camera_centroids (dict, optional): config of
            :class:`CameraCentroidsLoss`; multi-camera images only.
        memory (dict): config of :class:`CentroidsMemory`.
        negatives (str): what instance, augmentation and centroids loss push
            an image away from: 'joint', every other identity; 'separate',
            those of the same kind of data; 'video', for single-camera images
            those of the same video, so that the background tells nothing;
            'certain', those and the labelled ones, and all for labelled
            images: nobody is compared who may be the same person, for videos
            that show the same people.
        momentum (float): lambda of :class:`MomentumEncoder`.
        momentum_warmup (bool): see :class:`MomentumEncoder`.
        inference (str): what embeds images outside of training:
            'momentum_encoder' or 'encoder'.
        **kwargs: see :class:`ReIDBaseline`; ``id_head`` and ``triplet`` can
            be added to the losses.

    Attributes:
        seen (tuple[Tensor]): momentum embeddings, identities and cameras of
            the last training batch.

    Raises:
        ValueError: an option out of its range.
    """

    loss_names = (*ReIDBaseline.loss_names, 'instance', 'augmentation',
                  'centroids', 'camera_centroids')

    def __init__(self,
                 instance: Optional[dict] = dict(  # noqa: B006
                     type='InstanceLoss'),
                 augmentation: Optional[dict] = dict(  # noqa: B006
                     type='AugmentationLoss'),
                 centroids: Optional[dict] = dict(  # noqa: B006
                     type='CentroidsLoss'),
                 camera_centroids: Optional[dict] = dict(  # noqa: B006
                     type='CameraCentroidsLoss'),
                 memory: dict = dict(type='CentroidsMemory'),  # noqa: B006
                 negatives: str = 'joint',
                 momentum: float = 0.999,
                 momentum_warmup: bool = False,
                 inference: str = 'momentum_encoder',
                 **kwargs):
        super().__init__(**kwargs)
        check_choice(self, INFERENCE, inference=inference)
        check_choice(self, NEGATIVES, negatives=negatives)
        self.inference = inference
        self.negatives = negatives
        self.instance = instance and MODELS.build(instance)
        self.augmentation = augmentation and MODELS.build(augmentation)
        self.centroids = centroids and MODELS.build(centroids)
        self.camera_centroids = (
            camera_centroids and MODELS.build(camera_centroids))
        self.memory = MODELS.build(memory)
        self.seen: tuple = ()
        self.momentum_encoder = MomentumEncoder(
            {part: getattr(self, part) for part in ENCODER},
            momentum, momentum_warmup)
        self._register_load_state_dict_pre_hook(_fill_momentum_encoder)

    def init_weights(self) -> None:
        """Initialise the encoder; the momentum encoder begins as its copy.

        Also with ``init_cfg=dict(type='Pretrained')`` and a file that holds
        both: to go on with both, use ``load_from`` or ``--resume``.
        """
        super().init_weights()
        self.momentum_encoder.copy_from(self)

    @property
    def embedder(self) -> nn.Module:
        """The encoder of ``inference``."""
        return self if self.inference == 'encoder' else self.momentum_encoder

    @torch.no_grad()
    def momentum_embeddings(self, inputs: torch.Tensor) -> torch.Tensor:
        """Unit-length momentum embeddings (B, D) of images (B, 3, H, W)."""
        b = self.extract(inputs, self.momentum_encoder)[1]
        return F.normalize(full_precision(b))

    def loss(self, inputs: torch.Tensor,
             data_samples: list[ReIDDataSample]) -> dict[str, torch.Tensor]:
        """Losses of one batch.

        Args:
            inputs (Tensor): augmented and original images, shape
                (2, B, 3, H, W).
            data_samples (list[ReIDDataSample]): B of them.

        Raises:
            ValueError: the images come in one view.
        """
        if inputs.ndim != 5 or len(inputs) != 2:
            raise ValueError(
                'ReMix trains on an augmented and an original view, but got '
                f'inputs of shape {tuple(inputs.shape)}: put '
                "dict(type='TwoViews', ...) into the training pipeline, "
                'before PackReIDInputs')
        facts = self.labels_of(data_samples), self.cameras_of(data_samples)
        x, b = self.extract(inputs[0])
        keys = self.momentum_embeddings(inputs[1])
        labels, camids = (fact.to(b.device) for fact in facts)
        losses = self.identity_losses(x, b, labels)
        with torch.autocast(b.device.type, enabled=False):
            f = F.normalize(full_precision(b))
            losses.update(self.batch_losses(f, labels, camids, keys))
            losses.update(self.memory_losses(f, labels, camids))
        self.seen = keys, labels, camids
        return losses

    def update_memory(self) -> None:
        """Let the momentum embeddings of the last batch into the memory."""
        self.memory.update(*map(gather_with_grad, self.seen))

    def batch_losses(self, f: torch.Tensor, labels: torch.Tensor,
                     camids: torch.Tensor,
                     keys: torch.Tensor) -> dict[str, torch.Tensor]:
        """Losses against the momentum embeddings of the batch.

        Keys of all processes are compared with, so that the losses do not
        depend on their number.

        Args:
            f (Tensor): encoder's features of unit length, shape (B, D).
            labels (Tensor): identities, shape (B,).
            camids (Tensor): cameras, unique over domains, shape (B,).
            keys (Tensor): momentum embeddings, shape (B, D).
        """
        if self.instance is None and self.augmentation is None:
            return {}
        first = get_rank() * len(f)
        same = torch.arange(first, first + len(f), device=f.device)
        keys, key_labels, key_camids = map(gather_with_grad,
                                           (keys, labels, camids))
        against = (f, labels, keys, key_labels, same,
                   self.groups_of(labels, camids),
                   self.groups_of(key_labels, key_camids))
        losses = {}
        if self.instance is not None:
            losses['loss_instance'] = self.instance(*against)
        if self.augmentation is not None:
            losses['loss_augmentation'] = self.augmentation(*against)
        return losses

    def memory_losses(self, f: torch.Tensor, labels: torch.Tensor,
                      camids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Losses against the centres of identities.

        Args:
            f (Tensor): encoder's features of unit length, shape (B, D).
            labels (Tensor): identities, shape (B,).
            camids (Tensor): cameras, unique over domains, shape (B,).
        """
        losses, memory = {}, self.memory
        if self.centroids is not None:
            losses['loss_centroids'] = self.centroids(
                f, labels, memory.centroids, memory.known,
                self.groups_of(labels, camids), self.centroid_groups())
        if self.camera_centroids is not None:
            multi = ~self.is_pseudo(labels)
            rows = memory.rows_below(self.label_table.num_labelled_classes)
            losses['loss_camera_centroids'] = self.camera_centroids(
                f[multi], labels[multi], camids[multi], memory.proxies[:rows],
                memory.labels[:rows], memory.camids[:rows])
        return losses

    def groups_of(self, labels: torch.Tensor,
                  camids: torch.Tensor) -> Optional[torch.Tensor]:
        """Images that are each other's negatives, by ``negatives``.

        Args:
            labels (Tensor): identities, shape (B,).
            camids (Tensor): cameras, unique over domains, shape (B,).

        Returns:
            Tensor | None: group of each image, shape (B,); None: all are.
        """
        if self.negatives == 'joint':
            return None
        pseudo = self.is_pseudo(labels).long()
        if self.negatives == 'separate':
            return pseudo
        videos = pseudo * (1 + camids)
        if self.negatives == 'video':
            return videos
        # A labelled person is known to be none of the others.
        return torch.where(videos > 0, videos, -1)

    def centroid_groups(self) -> Optional[torch.Tensor]:
        """The same for the memory's centres, shape (K,)."""
        if self.negatives == 'joint':
            return None
        memory = self.memory
        camids = memory.labels.new_zeros(memory.num_classes)
        # A pseudo identity has one row: it is seen by one camera.
        camids[memory.labels] = memory.camids
        return self.groups_of(
            torch.arange(memory.num_classes, device=camids.device), camids)

    def cameras_of(self, data_samples: list[ReIDDataSample]) -> torch.Tensor:
        """Cameras (B,) of a batch, unique over domains, on the CPU.

        Raises:
            RuntimeError: no hook has told them.
        """
        if self.cameras is None:
            raise RuntimeError('the model knows no cameras: set `default_'
                               "hooks.pseudo_labels = dict(type='ReMixHook', "
                               '...)`')
        indices = [sample.index for sample in data_samples]
        return torch.from_numpy(self.cameras[indices]).long()


def _fill_momentum_encoder(state: dict, prefix: str, *args) -> None:
    """Let weights without a momentum encoder stand for both encoders."""
    mine = f'{prefix}momentum_encoder.'
    if any(key.startswith(mine) for key in state):
        return
    parts = tuple(f'{prefix}{part}.' for part in ENCODER)
    copies = {
        mine + key[len(prefix):]: value
        for key, value in state.items() if key.startswith(parts)
    }
    if copies:
        print_log(
            'the weights hold no momentum encoder: it begins as the encoder',
            logger='current')
    state.update(copies, **{f'{mine}steps': torch.tensor(0)})
