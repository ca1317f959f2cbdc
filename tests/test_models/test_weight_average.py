"""Averages of weights beside NumPy; encoders taken from a model."""

import numpy as np
import pytest
import torch

from mmreidmix.models.weight_average import average_weights, take_encoder
from tests.tiny_model import build_model


def state_of(seed, bnneck=True):
    rng = np.random.default_rng(seed)
    state = {
        'backbone.conv.weight': rng.normal(size=(3, 2)),
        'backbone.norm.running_var': rng.uniform(.5, 2, 3),
        'neck.fc.weight': rng.normal(size=(4, 3)),
    }
    if bnneck:
        state.update({
            'bnneck.bn.weight': np.ones(4),
            'bnneck.bn.bias': np.zeros(4),
            'bnneck.bn.running_mean': rng.normal(size=4),
            'bnneck.bn.running_var': rng.uniform(.5, 2, 4),
        })
    state = {key: torch.tensor(v).float() for key, v in state.items()}
    state['backbone.norm.num_batches_tracked'] = torch.tensor(10 + seed)
    return state


def test_mean_of_three_equals_numpy_and_counters_are_the_firsts():
    states = {name: state_of(seed) for seed, name in enumerate('abc')}
    weights = [0.5, 0.2, 0.3]
    found = average_weights(states, weights)
    assert found.pop('backbone.norm.num_batches_tracked') == 10
    assert set(found) == set(states['a']) - {
        'backbone.norm.num_batches_tracked'}
    for key, value in found.items():
        expected = np.average(
            [state[key].double().numpy() for state in states.values()],
            axis=0, weights=weights)
        assert value.dtype == torch.float32
        np.testing.assert_array_equal(value.numpy(),
                                      expected.astype(np.float32))


@pytest.mark.parametrize('weights, kept', [((1, 0), 'a'), ((0, 1), 'b')])
def test_ends_are_the_networks_themselves(weights, kept):
    states = dict(a=state_of(0), b=state_of(1))
    found = average_weights(states, weights)
    for key, value in states[kept].items():
        if value.is_floating_point():
            assert torch.equal(found[key], value), key


def test_start_without_bnneck_counts_with_a_fresh_one():
    end = state_of(1)
    found = average_weights(dict(start=state_of(0, bnneck=False), end=end),
                            [0.75, 0.25])
    assert torch.equal(found['bnneck.bn.weight'], torch.ones(4))
    torch.testing.assert_close(found['bnneck.bn.running_mean'],
                               end['bnneck.bn.running_mean'] / 4)
    torch.testing.assert_close(found['bnneck.bn.running_var'],
                               .75 + end['bnneck.bn.running_var'] / 4)


@pytest.mark.parametrize('change, message', [
    (lambda s: s.pop('neck.fc.weight'), "only in the first: 'neck.fc.weight'"),
    (lambda s: s.update({'attention.a': torch.ones(1)}),
     "only in the second: 'attention.a'"),
    (lambda s: s.update({'neck.fc.weight': torch.ones(4, 2)}),
     r'other shapes: .neck.fc.weight \(4, 3\) and \(4, 2\)'),
    (lambda s: s.pop('bnneck.bn.bias'), "only in the first: 'bnneck.bn.bias'"),
])
def test_other_networks_are_refused(change, message):
    other = state_of(1)
    change(other)
    with pytest.raises(ValueError, match=f'a.pth and b.pth .*{message}'):
        average_weights({'a.pth': state_of(0), 'b.pth': other}, [.5, .5])


@pytest.mark.parametrize('weights, message', [
    ([.5, .4], 'sum to 0.9, expected 1, divide each by it: 0.555556 0.444444'),
    ([0, 0], 'sum to 0, expected 1$'),
    ([1.5, -.5], r'weight must be in \[0, 1\], got 1.5'),
    ([float('nan'), 1], r'weight must be in \[0, 1\]'),
    ([1], '2 networks and 1 weights'),
])
def test_weights_that_are_no_shares_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        average_weights(dict(a=state_of(0), b=state_of(1)), weights)


def test_encoder_is_chosen_and_heads_are_left_out():
    model = build_model(
        'ReIDBaseline', momentum_encoder=dict(type='MomentumEncoder'))
    for parameter in model.momentum_encoder.parameters():
        parameter.data += 1
    state = model.state_dict()
    key = 'backbone.conv.weight'
    slow = take_encoder(state, 'momentum_encoder')
    fast = take_encoder(state, 'encoder')
    assert torch.equal(slow[key], fast[key] + 1)
    assert set(slow) == set(fast)
    assert {name.partition('.')[0] for name in fast} == {'backbone', 'bnneck'}
    plain = take_encoder(fast, 'momentum_encoder')
    assert torch.equal(plain[key], fast[key])


def test_weights_without_encoder_are_refused():
    with pytest.raises(ValueError, match="only 'conv1.weight'"):
        take_encoder({'conv1.weight': torch.ones(1)}, 'encoder')
