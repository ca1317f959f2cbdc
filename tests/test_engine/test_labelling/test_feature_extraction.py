import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset

from mmreidmix.engine import extract_embeddings
from mmreidmix.engine.labelling.feature_extraction import shared_batches
from tests.tiny_model import WIDTH, batch, build_model


class Noise(Dataset):
    """Eleven images of noise."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        data = batch((index, ), seed=index)
        return {key: value[0] for key, value in data.items()}


@pytest.fixture(scope='module')
def model():
    return build_model('ReIDBaseline')


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 5))
def test_processes_share_the_batches_of_one(num, size, world):
    whole = shared_batches(num, size, 0, 1)
    assert sum(whole, []) == list(range(num))
    assert all(len(b) == size for b in whole[:-1])
    parts = [shared_batches(num, size, rank, world) for rank in range(world)]
    assert sorted(sum(parts, [])) == whole
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize('batch_size,num_workers', [(4, 0), (11, 0), (4, 1)])
def test_embeddings_are_those_of_each_image(model, batch_size, num_workers):
    embeddings = extract_embeddings(
        model, Noise(), batch_size, num_workers, bf16=False)
    model.eval()
    for index, row in enumerate(embeddings):
        data = model.data_preprocessor(batch((index, ), seed=index))
        torch.testing.assert_close(row, model(data['inputs'])[0])
    assert embeddings.shape == (11, WIDTH)
    assert embeddings.dtype == torch.float32
    assert not embeddings.requires_grad
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(11))


def test_bf16_is_near_and_not_the_same(model):
    exact = extract_embeddings(model, Noise(), bf16=False)
    half = extract_embeddings(model, Noise(), bf16=True)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.05


@pytest.mark.parametrize('training', [True, False])
def test_model_is_left_as_it_was(training):
    model = build_model('ReIDBaseline').train(training)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    extract_embeddings(model, Noise(), batch_size=4)
    assert model.training == model.backbone.norm.training == training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
