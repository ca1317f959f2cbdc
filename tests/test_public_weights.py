"""Names of weights; test_models/test_weights.py converts whole networks."""

import pytest
import torch

from mmreidmix.public_weights import convert_state_dict


def test_torchreid_names():
    keys = {
        'conv1.conv.weight': 'backbone.conv1.conv.weight',
        'conv2.0.gate.fc1.bias': 'backbone.conv2.0.gate.fc1.bias',
        'conv5.bn.running_var': 'backbone.conv5.bn.running_var',
        'fc.0.weight': 'neck.fc.weight',
        'fc.1.running_mean': 'neck.norm.running_mean',
        'classifier.weight': None,
    }
    state = {key: torch.zeros(1) for key in keys}
    converted, dropped = convert_state_dict(state, 'torchreid')
    assert list(converted) == [new for new in keys.values() if new]
    assert dropped == ['classifier.weight']


@pytest.mark.parametrize('key', ['head.weight', 'conv6.bn.weight', 'fc', 'a'])
def test_unknown_key_is_refused(key):
    state = {'conv1.conv.weight': torch.zeros(1), key: torch.zeros(1)}
    with pytest.raises(ValueError, match=f'1 of 2 keys.*{key}'):
        convert_state_dict(state, 'torchreid')


def test_unknown_source_and_empty_state_are_refused():
    with pytest.raises(ValueError, match='source must be one of'):
        convert_state_dict({}, 'caffe')
    with pytest.raises(ValueError, match='no weights for a backbone'):
        convert_state_dict({'fc.weight': torch.zeros(1)}, 'ibn-net')
