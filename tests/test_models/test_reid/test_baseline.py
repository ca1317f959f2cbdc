import pytest
import torch
import torch.nn.functional as F

from mmreidmix.engine import Bf16OptimWrapper
from mmreidmix.models.encoder import encode, last_output
from tests.tiny_model import (
    WIDTH,
    batch,
    build_model,
    clustering_of,
    encoded,
    forward,
)


@pytest.fixture
def model():
    return build_model('ReIDBaseline')


def test_embeddings_have_unit_length_and_come_from_behind_the_bnneck(model):
    model.eval()
    embeddings = forward(model, 'tensor')
    assert embeddings.shape == (8, WIDTH)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(8))
    inputs = model.data_preprocessor(batch())['inputs']
    x = model.backbone(inputs)[-1].mean((2, 3))
    torch.testing.assert_close(embeddings, F.normalize(model.bnneck(x)))


def test_prediction_sets_the_embedding_of_each_sample(model):
    model.eval()
    samples = forward(model, 'predict')
    assert [sample.index for sample in samples] == [0, 1, 2, 3, 8, 9, 10, 11]
    torch.testing.assert_close(
        torch.stack([sample.embedding for sample in samples]),
        forward(model, 'tensor'))


def test_losses_are_those_of_the_heads(model):
    losses = forward(model, 'loss')
    assert losses.keys() == {'loss_id', 'loss_triplet'}
    x, b, _ = encoded(model)
    labels = torch.tensor([0, 0, 1, 1, 4, 4, 5, 5])
    logits = b @ model.id_head.weight[:7].T  # 4 identities + 3 clusters
    torch.testing.assert_close(
        losses['loss_id'],
        F.cross_entropy(logits, labels, label_smoothing=0.1))
    torch.testing.assert_close(losses['loss_triplet'],
                               model.triplet.compute(x, labels))


def test_weights_scale_the_losses_and_the_total():
    options = dict(kind='ReIDBaseline')
    plain = forward(build_model(**options), 'loss')
    model = build_model(loss_weights=dict(id=10.0), **options)
    losses = forward(model, 'loss')
    torch.testing.assert_close(losses['loss_id'], 10 * plain['loss_id'])
    torch.testing.assert_close(losses['loss_triplet'], plain['loss_triplet'])
    total, logged = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses.values()))
    torch.testing.assert_close(logged['loss'], total.detach())


@pytest.mark.parametrize('left_out', ['id_head', 'triplet'])
def test_each_loss_can_be_left_out(left_out):
    model = build_model('ReIDBaseline', **{left_out: None})
    name, = forward(model, 'loss')
    assert name == ('loss_triplet' if left_out == 'id_head' else 'loss_id')


def test_unknown_mode(model):
    with pytest.raises(ValueError, match="mode must be .* got 'train'"):
        forward(model, 'train')


def test_no_label_table(model):
    model.label_table = None
    with pytest.raises(RuntimeError, match='default_hooks.mixture'):
        forward(model, 'loss')


def test_image_without_identity_is_named(model):
    with pytest.raises(ValueError, match='image 14 .*PKBatchSampler'):
        forward(model, 'loss', indices=(0, 1, 8, 14))


def test_labels_follow_the_table(model):
    data = model.data_preprocessor(batch((8, 10, 12)))
    assert model.unpack(**data).labels.tolist() == [4, 5, 6]
    model.label_table.labels[8:13] = [5, 5, 4, 4, 4]
    assert model.unpack(**data).labels.tolist() == [5, 4, 4]


def test_room_for_identities(model):
    model.check_capacity(9)
    with pytest.raises(ValueError, match='max_classes to at least 10'):
        model.check_capacity(10)
    with pytest.raises(ValueError, match='max_classes to at least 11'):
        model.on_clustering(
            clustering_of(torch.zeros(7, WIDTH), range(7),
                          torch.zeros(7, WIDTH)))


def test_several_necks_in_a_row():
    model = build_model(
        'ReIDBaseline',
        neck=[
            dict(type='mmpretrain.GlobalAveragePooling'),
            dict(type='BNNeck', in_channels=WIDTH)
        ])
    assert len(model.neck) == 2
    assert forward(model, 'tensor').shape == (8, WIDTH)


def test_no_neck_takes_vectors_as_they_are():
    model = build_model('ReIDBaseline', neck=[])
    assert model.neck(torch.ones(2, WIDTH)).shape == (2, WIDTH)


def test_batch_norm_in_groups_is_that_of_smaller_batches():
    whole = build_model('ReIDBaseline', bn_group_size=4)
    half = build_model('ReIDBaseline')
    inputs = whole.data_preprocessor(batch())['inputs']
    expected = torch.cat([encode(half, part).b for part in inputs.split(4)])
    torch.testing.assert_close(encode(whole, inputs).b, expected)
    assert not torch.allclose(expected, encode(half, inputs).b)


def test_bf16_step_keeps_weights_and_losses_in_float32(model):
    optimizer = Bf16OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), force=True)
    before = model.backbone.conv.weight.detach().clone()
    seen = []
    model.backbone.conv.register_forward_hook(
        lambda *args: seen.append(args[2].dtype))
    logged = model.train_step(batch(), optimizer)
    assert seen == [torch.bfloat16]
    assert {value.dtype for value in logged.values()} == {torch.float32}
    assert model.backbone.conv.weight.dtype == torch.float32
    assert not torch.equal(model.backbone.conv.weight, before)


def test_bf16_is_for_the_backbone_alone(model):
    """Pooling, necks and normalisation keep what float32 has to give."""
    inputs = model.data_preprocessor(batch())['inputs']
    with torch.autocast('cpu', torch.bfloat16):
        features = last_output(model.backbone(inputs))
        found, embedding = encode(model, inputs), model.embed(inputs)
    assert features.dtype == torch.bfloat16
    x = last_output(model.neck(features.float()))
    assert torch.equal(found.x, x)
    assert torch.equal(found.b, model.bnneck(x))
    assert embedding.dtype == torch.float32


@pytest.mark.parametrize('channels_last', [True, False])
def test_memory_format(channels_last):
    model = build_model(
        'ReIDBaseline',
        channels_last=channels_last,
        data_preprocessor=dict(
            type='ReIDDataPreprocessor', channels_last=channels_last))
    inputs = model.data_preprocessor(batch())['inputs']
    for tensor in (inputs, model.backbone.conv.weight):
        assert tensor.is_contiguous(
            memory_format=torch.channels_last) == channels_last


def test_preprocessor_normalises_rgb():
    model = build_model(
        'ReIDBaseline',
        data_preprocessor=dict(
            type='ReIDDataPreprocessor',
            mean=[1., 2., 3.],
            std=[2., 4., 8.],
            bgr_to_rgb=True))
    data = batch()
    expected = torch.stack(data['inputs']).flip(1).float()
    expected -= torch.tensor([1., 2., 3.])[:, None, None]
    expected /= torch.tensor([2., 4., 8.])[:, None, None]
    torch.testing.assert_close(
        model.data_preprocessor(data)['inputs'].contiguous(), expected)


def test_weight_of_a_loss_that_does_not_exist():
    with pytest.raises(ValueError, match="no loss \\['identity'\\]"):
        build_model(loss_weights=dict(identity=10.0))
