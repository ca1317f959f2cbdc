"""Which loss and which optimizer is at work in which iteration."""

from collections.abc import Sequence

from mmengine.hooks import Hook

from mmreidmix.engine.optimizers import AlternatingOptimWrapper
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class DomainMixPhaseHook(Hook):
    """Sets loss weights and alternates discriminator and encoder steps.

    Stateless: all follows from the epoch and the iteration inside it, so a
    resumed run does as an uninterrupted one.

    Args:
        phases (Sequence[dict]): each with ``begin`` (first epoch),
            optionally ``loss_weights`` (see :class:`BaseReID`) and
            ``discriminator_interval``: every so many iterations, beginning
            with the first of an epoch, is a discriminator step and all others
            carry the domain balance loss; absent or None: neither.

            The released code: ``[dict(begin=0, loss_weights=dict(id=10.)),
            dict(begin=30, loss_weights=dict(id=1.),
            discriminator_interval=10)]``.
    """

    priority = 'NORMAL'

    def __init__(self, phases: Sequence[dict]):
        self.phases = sorted((dict(p) for p in phases),
                             key=lambda p: p['begin'])
        allowed = {'begin', 'loss_weights', 'discriminator_interval'}
        for phase in self.phases:
            if set(phase) - allowed:
                raise ValueError(
                    f'DomainMixPhaseHook: unknown keys '
                    f'{sorted(set(phase) - allowed)} in a phase; allowed are '
                    f'{sorted(allowed)}')
        if not self.phases or self.phases[0]['begin'] != 0:
            raise ValueError('DomainMixPhaseHook: the first phase must have '
                             'begin=0')

    def phase(self, epoch: int) -> dict:
        """The phase of an epoch (zero-based), with all loss weights so far.

        Weights of earlier phases stay in force where a later one is silent.
        """
        past = [p for p in self.phases if p['begin'] <= epoch]
        weights = {}
        for phase in past:
            weights.update(phase.get('loss_weights') or {})
        return dict(past[-1], loss_weights=weights)

    def before_train(self, runner) -> None:
        """Check that the discriminator has an optimizer of its own."""
        if any(p.get('discriminator_interval') for p in self.phases) and (
                not isinstance(runner.optim_wrapper, AlternatingOptimWrapper)):
            raise TypeError(
                'DomainMixPhaseHook: discriminator steps need '
                "optim_wrapper.constructor='AlternatingOptimWrapper"
                "Constructor'")

    def before_train_iter(self, runner, batch_idx: int,
                          data_batch=None) -> None:
        """Choose losses and optimizer of this iteration."""
        phase = self.phase(runner.epoch)
        kind = self.kind(phase.get('discriminator_interval'), batch_idx)
        model = bare_model(runner)
        model.phase = kind
        model.set_loss_weights(phase['loss_weights'])
        runner.optim_wrapper.active = (
            'discriminator' if kind == 'discriminator' else 'encoder')

    @staticmethod
    def kind(interval, batch_idx: int) -> str:
        """Kind of an iteration: 'identity', 'discriminator', 'balance'."""
        if not interval:
            return 'identity'
        return 'discriminator' if batch_idx % interval == 0 else 'balance'
