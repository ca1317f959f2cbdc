import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmreidmix.engine import Bf16OptimWrapper
from mmreidmix.models.encoder import encode
from tests.tiny_model import WIDTH, batch, build_model

INDICES = (0, 1, 2, 3, 8, 9, 10, 11)
LABELS = torch.tensor([0, 0, 1, 1, 4, 4, 5, 5])
CAMERAS = np.array([0, 1] * 4 + [2, 2, 3, 3, 4, 4, 4, 4])
NAMES = {'loss_instance', 'loss_augmentation', 'loss_centroids',
         'loss_camera_centroids'}


def two_views(seed=0):
    """A batch whose two views differ."""
    data = batch(INDICES, seed)
    other = batch(INDICES, seed + 100)
    data['inputs'] = [
        torch.stack(pair) for pair in zip(data['inputs'], other['inputs'])
    ]
    return data


def remix(**options):
    """A model whose memory holds random centres of all identities."""
    model = build_model(
        'ReMix', **dict(dict(id_head=None, triplet=None), **options))
    model.cameras = CAMERAS
    known = model.label_table.labels >= 0
    generator = torch.Generator().manual_seed(1)
    rows = F.normalize(torch.randn(16, WIDTH, generator=generator))
    model.memory.rebuild([rows[torch.from_numpy(known)]],
                         model.label_table.labels[known], CAMERAS[known], 7)
    return model


def pairs(groups, others):
    """Pairs of one group; a negative one goes with all."""
    groups = groups[:, None]
    return (groups < 0) | (others < 0) | (groups == others)


def losses_of(model):
    return model(**model.data_preprocessor(two_views(), True), mode='loss')


def test_losses_are_those_of_the_definitions():
    model = remix(loss_weights=dict(camera_centroids=0.5))
    # Momentum and encoder differ, so that a mix-up shows.
    with torch.no_grad():
        model.momentum_encoder.backbone.conv.weight.mul_(-1)
    losses = losses_of(model)
    assert losses.keys() == NAMES
    augmented, original = model.data_preprocessor(two_views())['inputs']
    f = F.normalize(encode(model, augmented).b)
    m = model.momentum_encoder
    keys = F.normalize(m.bnneck(m.neck(m.backbone(original))[-1]))
    same = torch.arange(8)
    memory = model.memory
    cams = torch.from_numpy(CAMERAS[list(INDICES)])
    expected = dict(
        loss_instance=model.instance.compute(f, LABELS, keys, LABELS, same),
        loss_augmentation=model.augmentation.compute(
            f, LABELS, keys, LABELS, same),
        loss_centroids=model.centroids.compute(f, LABELS, memory.centroids),
        # Multi-camera images alone, against multi-camera centres alone.
        loss_camera_centroids=0.5 * model.camera_centroids.compute(
            f[:4], LABELS[:4], cams[:4], memory.proxies[:8],
            memory.labels[:8], memory.camids[:8]))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, msg=name)
    assert memory.labels[:8].max() == 3


@pytest.mark.parametrize('negatives, groups, centres', [
    ('separate', [0] * 4 + [1] * 4, [0] * 4 + [1] * 3),
    # Images 8 to 11 are of videos 2 and 3, identities 4, 5 and 6 of videos
    # 2, 3 and 4.
    ('video', [0] * 4 + [3, 3, 4, 4], [0] * 4 + [3, 4, 5]),
    ('certain', [-1] * 4 + [3, 3, 4, 4], [-1] * 4 + [3, 4, 5]),
])
def test_negatives_of_one_kind_or_video(negatives, groups, centres):
    model = remix(negatives=negatives)
    augmented, original = model.data_preprocessor(two_views())['inputs']
    f = F.normalize(encode(model, augmented).b)
    keys = model.embed(original, model.momentum_encoder)
    groups, same = torch.tensor(groups), torch.arange(8)
    against = f, LABELS, keys, LABELS, same, pairs(groups, groups)
    expected = dict(
        loss_instance=model.instance.compute(*against),
        loss_augmentation=model.augmentation.compute(*against),
        loss_centroids=model.centroids.compute(
            f, LABELS, model.memory.centroids, None,
            pairs(groups, torch.tensor(centres))))
    losses, joint = losses_of(model), losses_of(remix())
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, msg=name)
        assert value != joint[name]


@pytest.mark.parametrize('name', sorted(NAMES))
def test_each_loss_can_be_left_out(name):
    model = remix(**{name[len('loss_'):]: None})
    assert losses_of(model).keys() == NAMES - {name}


def test_losses_of_the_baseline_can_be_added():
    model = remix(
        triplet=dict(type='BatchHardTripletLoss'),
        id_head=dict(type='IdentityHead', in_channels=WIDTH, max_classes=7))
    assert losses_of(model).keys() == NAMES | {'loss_id', 'loss_triplet'}


def test_gradients_reach_the_encoder_alone():
    model = remix()
    sum(losses_of(model).values()).backward()
    for name, parameter in model.named_parameters():
        wanted = parameter.requires_grad
        assert wanted != name.startswith('momentum_encoder.') or (
            name == 'bnneck.bn.bias')
        assert (parameter.grad is not None) == wanted, name


def test_one_view_is_refused():
    model = remix()
    with pytest.raises(ValueError, match='TwoViews'):
        model(**model.data_preprocessor(batch(INDICES), True), mode='loss')


@pytest.mark.parametrize('inference', ['momentum_encoder', 'encoder'])
def test_inference(inference):
    model = remix(inference=inference).eval()
    with torch.no_grad():
        model.momentum_encoder.backbone.conv.weight.mul_(-1)
    inputs = model.data_preprocessor(batch())['inputs']
    slow = model.embed(inputs, model.momentum_encoder)
    fast = F.normalize(encode(model, inputs).b)
    assert not torch.allclose(slow, fast)
    expected = slow if inference == 'momentum_encoder' else fast
    torch.testing.assert_close(model(inputs), expected)
    samples = model(inputs, batch()['data_samples'], mode='predict')
    torch.testing.assert_close(
        torch.stack([sample.embedding for sample in samples]), expected)


def test_unknown_choices():
    with pytest.raises(ValueError, match='negatives must be one of'):
        remix(negatives='batch')
    with pytest.raises(ValueError, match='inference must be one of'):
        remix(inference='both')


def assert_equal_encoders(model):
    state = model.state_dict()
    mine = [key for key in state if key.startswith('momentum_encoder.') and
            not key.endswith('steps')]
    assert len(mine) == len(state) // 2
    for key in mine:
        assert torch.equal(state[key], state[key.partition('.')[2]]), key


def test_momentum_encoder_begins_as_the_encoder():
    model = remix()
    torch.nn.init.ones_(model.backbone.conv.weight)
    model.init_weights()
    assert_equal_encoders(model)


def test_weights_without_a_momentum_encoder_stand_for_both():
    other = build_model('ReIDBaseline', id_head=None)
    torch.nn.init.ones_(other.backbone.conv.weight)
    model = remix()
    model.load_state_dict(other.state_dict())
    assert (model.momentum_encoder.backbone.conv.weight == 1).all()
    assert_equal_encoders(model)


def test_weights_with_a_momentum_encoder_are_loaded_as_they_are():
    other = remix()
    torch.nn.init.ones_(other.momentum_encoder.backbone.conv.weight)
    other.momentum_encoder.steps += 7
    model = remix()
    model.load_state_dict(other.state_dict())
    assert (model.momentum_encoder.backbone.conv.weight == 1).all()
    assert (model.backbone.conv.weight != 1).any()
    assert int(model.momentum_encoder.steps) == 7


def test_bf16_step_keeps_losses_in_float32_and_runs_both_in_bf16():
    model = remix()
    optimizer = Bf16OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), force=True)
    seen = []
    for encoder in (model, model.momentum_encoder):
        encoder.backbone.conv.register_forward_hook(
            lambda *args: seen.append(args[2].dtype))
    logged = model.train_step(two_views(), optimizer)
    assert seen == [torch.bfloat16, torch.bfloat16]
    assert {value.dtype for value in logged.values()} == {torch.float32}


def test_each_view_is_a_channels_last_batch():
    model = remix()
    data = two_views()
    inputs = model.data_preprocessor(data, True)['inputs']
    assert inputs.shape == (2, 8, 3, 12, 8)
    for view, images in zip(inputs, zip(*data['inputs'])):
        assert view.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(
            view.contiguous(), torch.stack(images).float())
    stacked = dict(data, inputs=torch.stack(data['inputs']))
    torch.testing.assert_close(
        model.data_preprocessor(stacked, True)['inputs'], inputs)


def test_memory_follows_the_batch_when_told():
    model = remix()
    sum(losses_of(model).values()).backward()
    before = model.memory.means.clone()
    model.update_memory()
    keys = model.embed(
        model.data_preprocessor(two_views())['inputs'][1],
        model.momentum_encoder)
    expected = before.clone()
    for label, camera in {(int(y), int(CAMERAS[i]))
                          for i, y in zip(INDICES, LABELS)}:
        row, = ((model.memory.labels == label) &
                (model.memory.camids == camera)).nonzero()[:, 0]
        of_row = (label == LABELS) & torch.from_numpy(
            CAMERAS[list(INDICES)] == camera)
        share = of_row.sum() / model.memory.counts[row]
        expected[row] += share * (keys[of_row].mean(0) - expected[row])
    torch.testing.assert_close(model.memory.means, expected)
    assert not torch.equal(before, expected)
