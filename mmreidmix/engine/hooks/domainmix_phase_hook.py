"""The phases of DomainMix: which losses, which optimizer."""

from collections import ChainMap
from collections.abc import Sequence
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.optimizers import AlternatingOptimWrapper
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class DomainMixPhaseHook(Hook):
    """Sets loss weights, and who learns: discriminator, encoder or both.

    All follows from the epoch and the iteration in it, so a run can be
    resumed.

    Args:
        phases (Sequence[dict]): each with ``begin`` (first epoch),
            optionally ``loss_weights`` (see :class:`BaseReID`), and one of

            - ``balance=True``: the discriminator learns in all iterations,
              which also have the domain balance loss;
            - ``discriminator_interval``: one of so many iterations, the
              first of an epoch included, is a discriminator step, all others
              have the domain balance loss;
            - neither: no discriminator.

            The released code: ``[dict(begin=0, loss_weights=dict(id=10.)),
            dict(begin=30, loss_weights=dict(id=1.),
            discriminator_interval=10)]``.
    """

    def __init__(self, phases: Sequence[dict]):
        self.phases = sorted(phases, key=lambda phase: phase['begin'])
        allowed = {'begin', 'loss_weights', 'balance',
                   'discriminator_interval'}
        unknown = sorted(set().union(*self.phases) - allowed)
        if unknown:
            raise ValueError(
                f'DomainMixPhaseHook: unknown keys {unknown} in a phase; '
                f'allowed are {sorted(allowed)}')
        if any(p.get('balance') and p.get('discriminator_interval')
               for p in self.phases):
            raise ValueError('DomainMixPhaseHook: a phase has either balance '
                             'or discriminator_interval')
        if not self.phases or self.phases[0]['begin'] != 0:
            raise ValueError('DomainMixPhaseHook: the first phase must have '
                             'begin=0')

    def phase(self, epoch: int) -> dict:
        """The phase of an epoch (zero-based).

        Loss weights of earlier phases stay where a later one sets none.
        """
        past = [p for p in self.phases if p['begin'] <= epoch]
        weights = ChainMap(
            *(p.get('loss_weights') or {} for p in reversed(past)))
        return dict(past[-1], loss_weights=dict(weights))

    def before_train(self, runner: Runner) -> None:
        """Check that there are the optimizers that the phases need."""
        two = isinstance(runner.optim_wrapper, AlternatingOptimWrapper)
        constructor = ("optim_wrapper.constructor='AlternatingOptimWrapper"
                       "Constructor'")
        if not two and any(
                p.get('discriminator_interval') for p in self.phases):
            raise TypeError('DomainMixPhaseHook: discriminator steps need '
                            f'{constructor}')
        if two and any(p.get('balance') for p in self.phases):
            raise TypeError(
                'DomainMixPhaseHook: with balance=True discriminator and '
                f'encoder share one optimizer: leave out {constructor}, with '
                'which the discriminator would not learn')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Choose losses and optimizer of this iteration."""
        phase, model = self.phase(runner.epoch), bare_model(runner)
        model.phase = self.kind(phase, batch_idx)
        model.set_loss_weights(phase['loss_weights'])
        runner.optim_wrapper.active = (
            'discriminator' if model.phase == 'discriminator' else 'encoder')

    @staticmethod
    def kind(phase: dict, batch_idx: int) -> str:
        """Kind of an iteration, see :class:`DomainMix`."""
        interval = phase.get('discriminator_interval')
        if not interval:
            return 'both' if phase.get('balance') else 'identity'
        return 'discriminator' if batch_idx % interval == 0 else 'balance'
