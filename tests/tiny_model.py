"""Models of a few hundred parameters and batches to feed them."""

import numpy as np
import torch
import torch.nn as nn
from mmengine.model import BaseModule

from mmreidmix.datasets import LabelTable
from mmreidmix.models.encoder import encode
from mmreidmix.registry import MODELS
from mmreidmix.structures import (
    Clustering,
    Encoded,
    ReIDDataSample,
    TrainingBatch,
)

WIDTH = 6


class TinyBackbone(BaseModule):
    """One convolution with batch norm; gives a tuple like any backbone."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, WIDTH, 3, stride=2)
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, x):
        return (self.norm(self.conv(x)).relu(), )


def label_table() -> LabelTable:
    """Eight labelled images of 4 identities, eight of 3 clusters (3 none)."""
    table = LabelTable([np.repeat([10, 20, 30, 40], 2), None], [8, 8])
    table.assign({1: np.array([0, 0, 1, 1, 2, -1, -1, -1])})
    return table


def build_model(kind='DomainMix', **options):
    """A model with the label table attached, its weights seeded."""
    torch.manual_seed(0)
    cfg = dict(
        type=kind,
        backbone=dict(type=TinyBackbone),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        bnneck=dict(type='BNNeck', in_channels=WIDTH),
        id_head=dict(type='IdentityHead', in_channels=WIDTH, max_classes=9),
        triplet=dict(type='BatchHardTripletLoss'))
    if kind == 'DomainMix':
        cfg['domain_head'] = dict(
            type='DomainBalanceHead', in_channels=WIDTH, hidden_channels=(5, ))
    model = MODELS.build(dict(cfg, **options))
    model.label_table = label_table()
    model.cameras = np.tile([0, 1], 8) + np.repeat([0, 2], 8)
    return model.train()


def batch(indices=(0, 1, 2, 3, 8, 9, 10, 11), seed=0) -> dict:
    """What a data loader yields, images of noise."""
    generator = torch.Generator().manual_seed(seed)
    return dict(
        inputs=[
            torch.randint(
                0, 256, (3, 12, 8), generator=generator, dtype=torch.uint8)
            for _ in indices
        ],
        data_samples=[
            ReIDDataSample(metainfo=dict(index=i, img_path=f'{i}.jpg'))
            for i in indices
        ])


def encoded(model, indices=(0, 1, 2, 3, 8, 9, 10, 11)):
    """What the encoder makes of a batch."""
    return encode(model, model.data_preprocessor(batch(indices))['inputs'])


def training_batch(labels, x=None, b=None, num_labelled=0, num_classes=None,
                   **options) -> TrainingBatch:
    """A batch of features; x and b are the same where one is missing."""
    features = Encoded(b if x is None else x, x if b is None else b,
                       options.pop('attended', None))
    if num_classes is None:
        num_classes = int(labels.max(initial=-1) if isinstance(
            labels, np.ndarray) else max(labels.tolist(), default=-1)) + 1
    return TrainingBatch(features, torch.as_tensor(labels), num_labelled,
                         num_classes, **options)


def clustering_of(embeddings, clusters, centroids, camids=None, images=None,
                  first=4) -> Clustering:
    """A clustering of images that follow each other."""
    num = len(embeddings)
    return Clustering(
        first=first,
        images=np.arange(num) if images is None else images,
        clusters=np.asarray(clusters),
        camids=np.zeros(num, int) if camids is None else np.asarray(camids),
        embeddings=embeddings,
        centroids=centroids)


def forward(model, mode, indices=(0, 1, 2, 3, 8, 9, 10, 11)):
    """Preprocess a batch and run the model on it."""
    return model(**model.data_preprocessor(batch(indices), True), mode=mode)
