import pytest
import torch
from torch import nn

from mmreidmix.models import MomentumEncoder


class Encoder(nn.Module):
    """Two parts and something else; one has buffers of both kinds."""

    def __init__(self, value):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.bnneck = nn.BatchNorm1d(2)
        self.id_head = nn.Linear(2, 3)
        with torch.no_grad():
            for tensor in self.state_dict().values():
                tensor.fill_(value)


def build(**options):
    return MomentumEncoder(Encoder(0), **options)


def values(encoder):
    """Value of each weight and float buffer; value of the counters."""
    state = encoder.state_dict()
    state.pop('steps', None)
    counts = [state.pop(key) for key in list(state) if 'num_batch' in key]
    return ({float(v) for t in state.values() for v in t.flatten()},
            {int(c) for c in counts})


def test_weights_and_statistics_follow_slowly_and_counters_at_once():
    momentum = build(momentum=0.75)
    momentum.update(Encoder(8))
    assert values(momentum) == ({2.0}, {8})
    momentum.update(Encoder(10))
    assert values(momentum) == ({4.0}, {10})
    assert int(momentum.steps) == 2


def test_only_the_encoder_is_copied():
    momentum = build()
    assert {name for name, _ in momentum.named_children()} == {
        'backbone', 'bnneck'}
    assert momentum.attention is None and momentum.neck is None


def test_warm_up():
    momentum = build(momentum=0.5, warmup=True)
    used = []
    for _ in range(12):
        used.append(momentum.current_momentum())
        momentum.update(Encoder(1))
    assert used == [min(0.5, (1 + t) / (10 + t)) for t in range(12)]
    assert used[-1] == 0.5


def test_copy():
    momentum = build()
    momentum.update(Encoder(1))
    momentum.copy_from(Encoder(3))
    assert values(momentum) == ({3.0}, {3})
    assert int(momentum.steps) == 0


def test_it_never_trains():
    momentum = build()
    momentum.train()
    assert not momentum.training and not momentum.bnneck.training
    assert not any(p.requires_grad for p in momentum.parameters())


def test_it_does_not_share_weights():
    start = Encoder(0)
    momentum = MomentumEncoder(start, 0.0)
    momentum.update(Encoder(5))
    assert values(start) == ({0.0}, {0})
    assert start.backbone.weight.requires_grad


@pytest.mark.parametrize('momentum', [-0.1, 1.0])
def test_wrong_momentum(momentum):
    with pytest.raises(ValueError, match=r'must be in \[0, 1\)'):
        build(momentum=momentum)
