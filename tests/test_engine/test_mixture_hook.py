"""The mixture, attached to the model, and its labels in checkpoints."""

import numpy as np
import pytest
from mmengine.hooks import Hook

from mmreidmix.engine import (
    MemoryHook,
    MixtureHook,
    MomentumEncoderHook,
    PseudoLabelHook,
    ReMixHook,
)
from tests.test_engine.tiny_run import Listener, TinyRun, mixture_of
from tests.tiny_model import build_model

#: For a model that is no matter of the test.
ANY = Listener()
PARTS = dict(memory=dict(type='CentroidsMemory'),
             momentum_encoder=dict(type='MomentumEncoder'))


def mixture(role='unlabelled'):
    """Images of 4 identities, and of 3 clusters."""
    found = mixture_of(
        syn=('labelled', np.repeat([10, 20, 30, 40], 2), [0, 1] * 4),
        real=(role, np.arange(8), [0, 1] * 4))
    if role == 'unlabelled':
        found.label_table.assign({1: np.array([0, 0, 1, 1, 2, -1, -1, -1])})
    return found


def run_of(model, *hooks, role='unlabelled'):
    return TinyRun(model, mixture(role), MixtureHook(), *hooks)


def before_train(runner):
    MixtureHook().before_train(runner)


@pytest.mark.parametrize('hook', [PseudoLabelHook, ReMixHook])
def test_attaches_table_and_cameras(hook):
    runner = run_of(build_model(), hook([]))
    before_train(runner)
    mixture = runner.train_dataloader.dataset
    assert runner.model.label_table is mixture.label_table
    assert runner.model.cameras.tolist() == [0, 1] * 4 + [2, 3] * 4


def test_comes_before_all_other_hooks():
    """They may need what the model hears from it."""
    runner = run_of(ANY, MemoryHook(), PseudoLabelHook([]), Hook())
    assert isinstance(runner.hooks[0], MixtureHook)


def test_unlabelled_domain_without_pseudo_labels():
    runner = run_of(build_model(), MemoryHook(), MomentumEncoderHook())
    with pytest.raises(ValueError, match=(
            r"\['real'\] are unlabelled, but no hook provides labels: add "
            r".*PseudoLabelHook.* or set their role to 'labelled'")):
        before_train(runner)


def test_labelled_domains_need_no_pseudo_labels():
    runner = run_of(build_model(
        id_head=dict(type='IdentityHead', max_classes=12)), role='labelled')
    before_train(runner)
    assert runner.model.label_table is runner.table
    assert runner.table.num_classes == 12


@pytest.mark.parametrize('part,hook', [
    ('memory', MemoryHook), ('momentum_encoder', MomentumEncoderHook)])
def test_part_that_nothing_moves(part, hook):
    model = build_model('ReIDBaseline', **{part: PARTS[part]})
    others = {MemoryHook, MomentumEncoderHook} - {hook}
    runner = run_of(model, PseudoLabelHook([]), *(kind() for kind in others))
    with pytest.raises(ValueError) as error:
        before_train(runner)
    assert str(error.value) == (
        f'the model has a {part}, but no hook provides {part}: add '
        f"`default_hooks.{part} = dict(type='{hook.__name__}')`")
    runner.register(PseudoLabelHook([]), hook())
    before_train(runner)
    assert model.label_table is runner.table


def test_model_without_these_parts_needs_no_hook_for_them():
    runner = run_of(build_model(), PseudoLabelHook([]))
    before_train(runner)
    assert runner.model.memory is runner.model.momentum_encoder is None


@pytest.mark.parametrize('need', ['labels', 'memory', 'momentum_encoder'])
def test_hook_of_ones_own_may_provide_it(need):
    class Own(Hook):
        provides = need

    model = build_model('ReIDBaseline', **PARTS)
    hooks = dict(labels=PseudoLabelHook([]), memory=MemoryHook(),
                 momentum_encoder=MomentumEncoderHook())
    del hooks[need]
    runner = run_of(model, *hooks.values())
    with pytest.raises(ValueError, match=f'no hook provides {need}'):
        before_train(runner)
    runner.register(Own(), *hooks.values())
    before_train(runner)
    assert model.label_table is runner.table


def test_head_that_is_too_small():
    model = build_model(
        id_head=dict(type='IdentityHead', in_channels=6, max_classes=5))
    runner = run_of(model, PseudoLabelHook([]))
    with pytest.raises(ValueError, match='max_classes to at least 7'):
        before_train(runner)


def test_training_set_that_is_no_mixture():
    runner = run_of(build_model(), PseudoLabelHook([]))
    runner.train_dataloader.dataset = mixture().domains[0]
    with pytest.raises(TypeError, match='must be a DomainMixture .*, got '
                       'ColumnDataset'):
        before_train(runner)


@pytest.mark.parametrize('resume', [True, False])
def test_labels_come_back_only_on_resume(resume):
    saved = run_of(ANY)
    saved.table.assign({1: np.array([2, 1, 0, -1, -1, 3, 3, 3])})
    checkpoint = saved.save()
    assert checkpoint['meta'] == {}
    runner = run_of(ANY)
    before = runner.table.labels.tolist()
    runner.load(checkpoint, resume)
    expected = checkpoint['label_table']['labels'].tolist()
    assert before != expected
    assert runner.table.labels.tolist() == (expected if resume else before)
    assert runner.table.num_classes == (8 if resume else 7)


def test_saved_labels_are_a_copy():
    runner = run_of(ANY)
    checkpoint = runner.save()
    runner.table.assign({1: np.full(8, -1)})
    assert checkpoint['label_table']['labels'].max() == 6


def test_checkpoint_without_labels(log):
    runner = run_of(ANY)
    before = runner.table.labels.tolist()
    runner.load({}, resume=False)
    assert 'no label table' not in log.text
    runner.load({})
    assert runner.table.labels.tolist() == before
    assert 'no label table' in log.messages[-1]


def test_one_identity_alone_is_refused():
    runner = TinyRun(build_model(), mixture_of(
        one=('labelled', [4, 4, 4], [0, 1, 0])), MixtureHook())
    with pytest.raises(ValueError, match=r"\['one'\] has 1 identity: nobody"):
        before_train(runner)


def test_triplets_need_two_images_of_a_person():
    model = build_model(triplet=dict(type='BatchHardTripletLoss'))
    runner = run_of(model, MemoryHook(), MomentumEncoderHook(),
                    PseudoLabelHook([]))
    sampler = runner.train_dataloader.batch_sampler
    sampler.instances = {0: 4, 1: 1}
    with pytest.raises(ValueError, match='num_instances to at least 2, or mo'):
        before_train(runner)
    sampler.instances = {0: 4, 1: 2}
    before_train(runner)
    sampler.instances = {0: 4, 1: 1}
    runner.model = build_model(triplet=None)
    before_train(runner)
