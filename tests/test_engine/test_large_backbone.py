"""Gradient checkpointing and a sharded optimizer change no number."""

import json

import pytest
import torch

from mmreidmix.registry import OPTIMIZERS
from tests.test_engine.test_resume import assert_equal
from tests.tiny import checkpoint, run_processes


def test_equal_to_a_plain_training(toy, tmp_path):
    run_processes(2, '-m', 'tests.test_engine.distributed_large', tmp_path,
                  toy)
    plain, large, resumed = (
        checkpoint(tmp_path / run, 3) for run in ('plain', 'large', 'resumed'))
    assert plain['label_table']['labels'].max() >= 12  # pseudo identities
    for other in (large, resumed):
        for part in ('state_dict', 'label_table'):
            assert_equal(plain[part], other[part], part)
        # Moments, which are cleared where clusters are new, included.
        state = other['optimizer']['state']
        assert len(state) > 40
        assert_equal(plain['optimizer']['state'], state)
    processes = [json.loads((tmp_path / f'{rank}.json').read_text())
                 for rank in range(2)]
    whole = sum(moment['exp_avg'].numel()
                for moment in plain['optimizer']['state'].values())
    for found in processes:
        assert found['plain']['kept'] == whole
        # Each forward pass of a training is made twice.
        assert found['plain']['forward'] == 12
        assert found['large']['forward'] == 24
        assert found['resumed']['forward'] == 16
    for run in ('large', 'resumed'):
        kept = [found[run]['kept'] for found in processes]
        assert sum(kept) == whole
        assert max(kept) < 0.7 * whole
        assert not any(found[run]['twice'] for found in processes)


def test_one_process_gets_the_optimizer_itself():
    weight = torch.nn.Parameter(torch.ones(2))
    built = OPTIMIZERS.build(dict(
        type='ShardedOptimizer', optimizer_type='SGD', params=[weight],
        lr=0.5))
    assert type(built) is torch.optim.SGD
    assert built.param_groups[0]['lr'] == 0.5


@pytest.mark.parametrize('name', ['Adan', 'lr_scheduler'])
def test_unknown_optimizer(name):
    with pytest.raises(ValueError, match=f'torch.optim.*{name}'):
        OPTIMIZERS.build(dict(
            type='ShardedOptimizer', optimizer_type=name, params=[]))
