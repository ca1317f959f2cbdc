"""A batch and its parts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.structures import full_precision
from tests.tiny_model import training_batch


def make(labels, **options):
    """Two labelled identities; those from 2 on are pseudo identities."""
    labels = torch.tensor(labels, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    x, b = torch.randn(2, len(labels), 4, generator=generator)
    return training_batch(
        labels, x, b, num_labelled=2, num_classes=9,
        camids=torch.arange(len(labels)), indices=np.arange(len(labels)) + 50,
        **options)


def test_embeddings_have_unit_length_and_are_computed_once():
    batch = make([0, 1, 5])
    torch.testing.assert_close(batch.f, F.normalize(batch.b))
    assert batch.f is batch.f


@given(st.lists(st.integers(0, 8), max_size=9))
@settings(max_examples=30)
def test_parts_are_what_their_names_say(labels):
    batch = make(labels)
    assert batch.roles.tolist() == [int(k >= 2) for k in labels]
    for part, wanted in ((batch.labelled(), [k < 2 for k in labels]),
                         (batch.unlabelled(), [k >= 2 for k in labels])):
        where = np.flatnonzero(wanted)
        assert len(part) == len(where)
        assert part.labels.tolist() == [labels[i] for i in where]
        assert part.indices.tolist() == (where + 50).tolist()
        assert part.camids.tolist() == where.tolist()
        for name in ('x', 'b', 'f'):
            torch.testing.assert_close(
                getattr(part, name), getattr(batch, name)[where])
    assert batch.labelled().num_classes == 2
    assert batch.unlabelled().num_classes == 9


def test_part_of_a_part():
    batch = make([0, 1, 0, 5]).labelled()
    part = batch.select(torch.tensor([False, True, True]))
    assert part.indices.tolist() == [51, 52]
    torch.testing.assert_close(part.b, batch.b[1:])


def test_gradients_of_a_part_reach_its_images_alone():
    batch = make([0, 1, 5, 6])
    batch.encoded.b.requires_grad_()
    batch.unlabelled().b.sum().backward()
    assert batch.encoded.b.grad[:, 0].tolist() == [0, 0, 1, 1]


def test_share_of_one_process_is_the_whole():
    assert make([0, 5, 6]).unlabelled().share() == 1
    assert make([0, 1]).unlabelled().share() == 0


@pytest.mark.parametrize('given, found', [
    (torch.bfloat16, torch.float32), (torch.float16, torch.float32),
    (torch.float32, torch.float32), (torch.float64, torch.float64),
])
def test_half_precision_becomes_float32(given, found):
    assert full_precision(torch.ones(1, dtype=given)).dtype == found


def test_momentum_embeddings_of_one_process():
    momentum = torch.randn(3, 4)
    keys = make([0, 1, 5], momentum=momentum).keys
    assert torch.equal(keys.keys, momentum)
    assert keys.labels.tolist() == [0, 1, 5]
    assert keys.own.tolist() == [0, 1, 2]


def test_no_momentum_embeddings():
    with pytest.raises(RuntimeError, match='momentum_encoder.*TwoViews'):
        make([0, 1]).keys  # noqa: B018
