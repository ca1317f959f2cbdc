"""What a training loads fits what it trains, or it does not start."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmreidmix.engine import CheckStartHook
from tests.tiny_model import build_model

CONFIG = dict(
    optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
    param_scheduler=[dict(type='LinearLR', end=3)],
    randomness=dict(seed=0),
    train_dataloader=dict(dataset=dict(domains=[
        dict(type='A', data_root='a'),
        dict(type='B', role='unlabelled')])),
    train_cfg=dict(max_epochs=3), work_dir='one')


class World:
    """A run, and a checkpoint that it has written."""

    def __init__(self, several=False, **options):
        self.model = build_model(**options)
        parameters = [*self.model.parameters()]
        optimizer = torch.optim.Adam(parameters)
        sum(p.sum() for p in parameters if p.requires_grad).backward()
        optimizer.step()
        self.optim_wrapper = OptimWrapper(optimizer)
        if several:
            self.optim_wrapper = OptimWrapperDict(encoder=self.optim_wrapper)
        self.cfg = Config(CONFIG)
        self.logger = MMLogger.get_current_instance()
        self._resume, self._load_from = True, 'runs/epoch_3.pth'

    def checkpoint(self):
        return copy.deepcopy(dict(
            state_dict=self.model.state_dict(),
            optimizer=self.optim_wrapper.state_dict(),
            meta=dict(cfg=self.cfg.pretty_text)))

    def load(self, checkpoint):
        CheckStartHook().after_load_checkpoint(self, checkpoint)


@pytest.mark.parametrize('several', [False, True])
def test_own_checkpoint_is_resumed(several):
    world = World(several)
    world.load(world.checkpoint())


@pytest.mark.parametrize('several', [False, True])
def test_other_shapes_are_not_resumed(several):
    world = World(several, id_head=dict(type='IdentityHead', max_classes=30))
    other = World(several, id_head=dict(type='IdentityHead', max_classes=31))
    with pytest.raises(ValueError, match=(
            r'epoch_3.pth can not be resumed .*id_head.weight has the shape '
            r'\(30, \d+\) in the file and \(31, \d+\) in the model.*load_f')):
        other.load(world.checkpoint())
    checkpoint = other.checkpoint()
    checkpoint['optimizer'] = world.checkpoint()['optimizer']
    with pytest.raises(ValueError, match=r'exp_avg of parameter \d+ has the '):
        other.load(checkpoint)


def test_parts_that_are_absent_are_named():
    world = World()
    checkpoint = world.checkpoint()
    checkpoint['state_dict']['more.weight'] = torch.zeros(1)
    name = next(iter(world.model.state_dict()))
    del checkpoint['state_dict'][name]
    with pytest.raises(ValueError, match='is not in the (file|model)') as info:
        world.load(checkpoint)
    assert f'{name} is not in the file' in str(info.value)
    assert 'more.weight is not in the model' in str(info.value)


def test_other_optimizers_are_named():
    world, several = World(), World(several=True)
    checkpoint = several.checkpoint()
    checkpoint['optimizer'] = dict(other=checkpoint['optimizer']['encoder'])
    with pytest.raises(ValueError, match="no optimizer 'encoder'"):
        several.load(checkpoint)
    checkpoint = world.checkpoint()
    checkpoint['optimizer']['param_groups'][0]['params'].pop()
    with pytest.raises(ValueError, match='has groups of .* parameters in th'):
        world.load(checkpoint)


@pytest.mark.parametrize('content', [
    dict(state_dict={}), dict(state_dict={}, meta={}), {'a': torch.ones(1)}])
def test_what_is_no_checkpoint_of_a_training(content):
    with pytest.raises(ValueError, match='no checkpoint of a training'):
        World().load(content)


@pytest.mark.parametrize('key, value', [
    ('optim_wrapper.optimizer.lr', 0.2),
    ('param_scheduler', []),
    ('randomness.seed', 1),
    ('train_dataloader.dataset.domains', [
        dict(type='A', data_root='a', role='unlabelled'),
        dict(type='B', role='unlabelled')])])
def test_what_the_checkpoint_would_override_is_refused(key, value):
    world = World()
    checkpoint = world.checkpoint()
    world.cfg.merge_from_dict({key: value})
    with pytest.raises(ValueError, match=(
            f'of another config, .*{key}.* in the checkpoint and')):
        world.load(checkpoint)


def test_other_differences_are_logged():
    world = World()
    checkpoint = world.checkpoint()
    world.cfg.merge_from_dict(
        {'train_cfg.max_epochs': 5, 'work_dir': 'two', 'resume': True})
    said = []
    world.logger = SimpleNamespace(warning=said.append)
    world.load(checkpoint)
    assert said == ['The resumed run goes on with another config: '
                    'train_cfg.max_epochs is 3 in the checkpoint and 5 in '
                    'the config']


def test_weights_to_start_from_must_hold_the_encoder():
    world, said = World(), []
    world._resume = False
    world.logger = SimpleNamespace(info=said.append)
    checkpoint = world.checkpoint()
    del checkpoint['optimizer'], checkpoint['meta']
    checkpoint['state_dict']['more.weight'] = torch.zeros(1)
    world.load(checkpoint)
    assert 'epoch_3.pth; not from there: none; in the file alone: '\
        "'more.weight'" in said[0]
    del checkpoint['state_dict']['backbone.conv.weight']
    with pytest.raises(ValueError, match='does not fit the model: 1 tensors'):
        world.load(checkpoint)


def test_a_test_is_left_alone():
    world = World()
    world.optim_wrapper = None
    world.load({})
