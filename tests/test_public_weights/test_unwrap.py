"""Where the weights are in a file, and what stands before their names."""

import pytest
import torch

from mmreidmix.public_weights import convert
from mmreidmix.public_weights.unwrap import WRAPPERS
from tests.test_public_weights.resnets import resnet
from tests.test_public_weights.test_torchreid import OSNet


@pytest.fixture(scope='module')
def state():
    with torch.device('meta'):
        return OSNet(0.25).state_dict()


def taken(content, prefix=None):
    """Where the first tensor came from, and what the user is told."""
    found = convert(content, prefix=prefix)
    assert found.source == 'torchreid' and len(found.state) > 100
    return found.state['backbone.conv1.conv.weight'], found


@pytest.mark.parametrize('wrapper', [
    'state_dict_ema', 'state_dict', 'model', 'net', 'teacher', 'student'])
def test_wrappers(wrapper, state):
    tensor, found = taken({wrapper: state, 'epoch': 3, 'optimizer': {}})
    assert tensor is state['conv1.conv.weight']
    assert found.place == f'from {wrapper!r}'


def test_bare_and_nested(state):
    assert taken(state)[0] is state['conv1.conv.weight']
    tensor, found = taken(dict(state_dict=dict(model=state)))
    assert tensor is state['conv1.conv.weight']
    assert found.place == "from 'state_dict', from 'model'"


@pytest.mark.parametrize('one, other', [*zip(WRAPPERS, WRAPPERS[1:])])
def test_of_two_the_average_or_the_teacher(one, other, state):
    """The moving average comes first, the student last."""
    with torch.device('meta'):
        others = OSNet(0.25).state_dict()
    tensor, found = taken({other: others, one: state})
    assert tensor is state['conv1.conv.weight']
    assert found.place == f'from {one!r} (also there: {other!r})'


@pytest.mark.parametrize('prefix', [
    'module.', '_orig_mod.', 'model.', 'net.', '_orig_mod.module.',
    'module.model.'])
def test_prefixes_of_all_keys(prefix, state):
    tensor, found = taken({prefix + key: v for key, v in state.items()})
    assert tensor is state['conv1.conv.weight']
    assert found.place == f'below {prefix!r}'


@pytest.mark.parametrize('prefix', [
    'base.', 'backbone.', 'encoder_q.', 'image_encoder.', 'extractor.',
    'model.', 'extractor.model.', 'module.backbone.'])
def test_prefixes_beside_heads(prefix, state):
    common = 'module.' * prefix.startswith('module.')
    beside = {f'{common}head.weight': torch.zeros(2)}
    tensor, found = taken(
        {**beside, **{prefix + key: v for key, v in state.items()}})
    assert tensor is state['conv1.conv.weight']
    assert found.place == f'below {prefix!r}'
    assert found.dropped == ['head.weight', *(
        key for key in state if key.startswith('classifier.'))]


@pytest.mark.parametrize('given', ['nets.a', 'nets.a.'])
def test_prefix_of_the_user(given, state):
    content = {f'module.nets.a.{key}': v for key, v in state.items()}
    content['module.nets.b.weight'] = torch.zeros(2)
    tensor, found = taken(dict(state_dict=content), given)
    assert tensor is state['conv1.conv.weight']
    assert found.place == "from 'state_dict', below 'module.nets.a.'"
    assert found.dropped[0] == 'nets.b.weight'
    with pytest.raises(ValueError, match='no known project'):
        convert(dict(state_dict=content), prefix='nets.b')
    with pytest.raises(ValueError, match=r"begins with 'c\.'.*with 'nets'"):
        convert(dict(state_dict=content), prefix='c')


def test_what_is_below_may_be_of_several_projects():
    """The name of the family is looked for after the prefix is gone."""
    with torch.device('meta'):
        state = {f'encoder_q.{key}': value
                 for key, value in resnet(18).state_dict().items()}
    assert convert(state).source == 'torchvision'
