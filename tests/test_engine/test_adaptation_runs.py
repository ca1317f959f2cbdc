"""DAAM and ClusterContrast with the hooks, the runner and two processes."""


import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from tests.test_engine.distributed_adaptation import MODELS, steps
from tests.test_engine.test_resume import assert_equal
from tests.tiny import (
    checkpoint,
    run_processes,
    tiny_config,
)

WIDTH = 128
DAAM = dict(
    type='DAAM',
    triplet=dict(type='BatchHardTripletLoss', margin=0.3),
    attention=dict(type='DAAMNeck', in_channels=64, after='layer3'),
    specific_head=dict(type='DomainSpecificHead'),
    similarity=dict(type='HypersphereLoss', in_channels=WIDTH),
    target=dict(type='SoftLabelLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1))
CONTRAST = dict(type='ClusterContrast', id_head=None, triplet=None)


def config(toy, model, **options):
    """Epoch 1 without clusters, clustering in epoch 2, none in epoch 3."""
    cfg = tiny_config(
        toy,
        default_hooks__pseudo_labels__begin=1,
        default_hooks__pseudo_labels__interval=2,
        default_hooks__checkpoint__max_keep_ckpts=-1,
        train_cfg__val_interval=9,
        train_cfg__max_epochs=3,
        **options)
    del cfg.default_hooks['phases'], cfg.model['domain_head']
    cfg.optim_wrapper = dict(
        type='Bf16OptimWrapper', force=True,
        optimizer=dict(type='Adam', lr=1e-3))
    cfg.model.update(model)
    return cfg


def run(cfg, work_dir, resume=False):
    cfg = cfg.copy()
    cfg.work_dir, cfg.resume = str(work_dir), resume
    cfg.experiment_name = f'{work_dir.parent.name}_{work_dir.name}_{resume}'
    runner = Runner.from_cfg(cfg)
    losses = []
    step = runner.model.train_step

    def train_step(*args, **kwargs):
        losses.append(step(*args, **kwargs))
        return losses[-1]

    runner.model.train_step = train_step
    runner.train()
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    return losses


@pytest.mark.parametrize('model', [DAAM, CONTRAST], ids=lambda m: m['type'])
def test_resumed_between_two_clusterings(toy, tmp_path, model):
    cfg = config(toy, model)
    losses = run(cfg, tmp_path / 'whole')
    first = dict(DAAM={'loss_target'}, ClusterContrast=set())[model['type']]
    assert len(losses) == 12
    assert losses[-1].keys() - losses[0].keys() == first
    assert all(np.isfinite(float(v)) for row in losses for v in row.values())
    state = checkpoint(tmp_path / 'whole', 2)
    # There are clusters behind the labelled identities.
    assert state['label_table']['labels'].max() >= 12
    assert state['pseudo_labels']['model']

    part = tmp_path / 'part'
    part.mkdir()
    for name in ('epoch_2.pth', 'last_checkpoint'):
        (part / name).write_bytes((tmp_path / 'whole' / name).read_bytes())
    (part / 'last_checkpoint').write_text(str(part / 'epoch_2.pth'))
    again = run(cfg, part, resume=True)
    assert_equal(again, losses[8:])
    whole, rest = (checkpoint(tmp_path / d, 3) for d in ('whole', 'part'))
    for key in ('state_dict', 'label_table', 'pseudo_labels', 'optimizer'):
        assert_equal(whole[key], rest[key], key)


def test_two_processes_equal_one(tmp_path):
    run_processes(2, '-m', 'tests.test_engine.distributed_adaptation',
                  tmp_path)
    for name in MODELS:
        expected = steps(name)
        for rank in range(2):
            with np.load(tmp_path / f'{name}{rank}.npz') as found:
                assert set(found.files) == set(expected)
                for key, value in expected.items():
                    np.testing.assert_allclose(
                        found[key], value, rtol=1e-6, atol=1e-9,
                        err_msg=f'{name} {key}')
        assert any(np.abs(v).max() > 1e-3 for k, v in expected.items()
                   if '/grad/backbone' in k)
