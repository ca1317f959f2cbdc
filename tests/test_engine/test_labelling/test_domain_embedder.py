"""Training domains, embedded with test transforms."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmreidmix.engine.labelling import feature_extraction
from mmreidmix.engine.labelling.feature_extraction import DomainEmbedder
from tests.test_engine.tiny_run import (
    expected_rows,
    loader,
    mixture_of,
    pipeline,
)
from tests.tiny_model import build_model


@pytest.fixture
def mixture():
    """Two labelled domains, one image of nobody, around an unlabelled one."""
    return mixture_of(
        one=('labelled', [1, -1, 1, 2, 2], [0] * 5),
        two=('unlabelled', [5] * 4, [0] * 4),
        three=('labelled', [1, 2, 1], [0] * 3))


@pytest.mark.parametrize('given,cfg,seed', [
    (None, dict(val_dataloader=loader(3), test_dataloader=loader(4)), 3),
    (None, dict(val_dataloader=None, test_dataloader=loader(4)), 4),
    (None, dict(test_dataloader=loader(4)), 4),
    (None, dict(val_dataloader=dict(dataset=dict(type='Any')),
                test_dataloader=loader(4)), 4),
    (2, dict(val_dataloader=loader(3)), 2),
    (2, dict(), 2),
])
def test_transforms(mixture, given, cfg, seed):
    model = build_model('ReIDBaseline')
    embedder = DomainEmbedder(given and pipeline(given), bf16=False)
    embedder.prepare(Config(cfg))
    rows = embedder.embed(model, mixture.domains[1])
    torch.testing.assert_close(rows, expected_rows(model, range(4), seed))
    assert not torch.allclose(rows, expected_rows(model, range(4), seed + 1))


@pytest.mark.parametrize('cfg', [
    dict(), dict(val_dataloader=None, test_dataloader=None),
    dict(val_dataloader=dict(dataset=dict(type='Any', pipeline=[])))
])
def test_no_transforms(cfg):
    with pytest.raises(ValueError, match=(
            'no val_dataloader.dataset.pipeline; set default_hooks.'
            'pseudo_labels.pipeline to the test transforms')):
        DomainEmbedder().prepare(Config(cfg))


@pytest.mark.parametrize('batch_size', [1, 3, 64])
def test_rows_of_some_images_in_the_order_given(mixture, batch_size):
    model, domain = build_model('ReIDBaseline'), mixture.domains[0]
    before = domain.pipeline
    embedder = DomainEmbedder(pipeline(1), batch_size=batch_size, bf16=False)
    rows = embedder.embed(model, domain, np.array([4, 0, 2]))
    torch.testing.assert_close(rows, expected_rows(model, [4, 0, 2], 1))
    assert model.training
    assert domain.pipeline is before  # the training goes on with its own


@pytest.mark.parametrize('inference', ['encoder', 'momentum_encoder'])
def test_momentum_encoder_gives_the_labels(mixture, inference):
    """Whatever the inference embeds with."""
    model = build_model('ReIDBaseline', inference=inference,
                        momentum_encoder=dict(type='MomentumEncoder'))
    with torch.no_grad():
        model.momentum_encoder.backbone.conv.weight.normal_(
            generator=torch.Generator().manual_seed(5))
    embedder = DomainEmbedder(pipeline(1), bf16=False)
    rows = embedder.embed(model, mixture.domains[1])
    torch.testing.assert_close(
        rows, expected_rows(model, range(4), 1, model.momentum_encoder))
    assert not torch.allclose(rows, expected_rows(model, range(4), 1, model),
                              atol=1e-2)


@pytest.mark.parametrize('bf16', [True, False])
def test_options_of_the_extraction(mixture, monkeypatch, bf16):
    given = {}
    monkeypatch.setattr(feature_extraction, 'extract_embeddings',
                        lambda model, view, **options: given.update(options))
    embedder = DomainEmbedder([], batch_size=7, num_workers=3, bf16=bf16)
    embedder.embed(build_model('ReIDBaseline'), mixture.domains[1])
    del given['embed']
    assert given == dict(batch_size=7, num_workers=3, bf16=bf16)


def test_labelled_images_block_by_block(mixture, monkeypatch):
    monkeypatch.setattr(DomainEmbedder, 'BLOCK', 3)
    model = build_model('ReIDBaseline')
    embedder = DomainEmbedder(pipeline(1), bf16=False)
    images, blocks = embedder.labelled(model, mixture)
    assert images.tolist() == [0, 2, 3, 4, 9, 10, 11]
    blocks = list(blocks)
    assert [len(block) for block in blocks] == [3, 1, 3]
    rows = torch.cat([expected_rows(model, [0, 2, 3, 4], 1),
                      expected_rows(model, range(3), 1)])
    torch.testing.assert_close(torch.cat(blocks), rows)


def test_labelled_images_are_embedded_when_they_are_taken(
        mixture, monkeypatch):
    """A block at a time, so that not all embeddings are held."""
    asked = []
    monkeypatch.setattr(feature_extraction, 'extract_embeddings',
                        lambda model, view, **options: asked.append(view))
    _, blocks = DomainEmbedder([]).labelled(
        build_model('ReIDBaseline'), mixture)
    assert not asked
    next(blocks)
    assert len(asked) == 1


def test_no_labelled_domain():
    only = mixture_of(one=('unlabelled', [5] * 4, [0] * 4))
    images, blocks = DomainEmbedder([]).labelled(
        build_model('ReIDBaseline'), only)
    assert images.tolist() == list(blocks) == []
