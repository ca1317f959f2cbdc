"""The mixture: attached to the model, its labels in checkpoints."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.compat import is_resumed
from mmreidmix.engine.epoch_loop import inside_epoch
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.registry import HOOKS

#: What a hook provides -> how to add one that does.
REMEDIES = dict(
    labels="`default_hooks.pseudo_labels = dict(type='PseudoLabelHook', "
    "...)` or set their role to 'labelled'",
    memory="`default_hooks.memory = dict(type='MemoryHook')`",
    momentum_encoder="`default_hooks.momentum_encoder = dict(type='"
    "MomentumEncoderHook')`")


@HOOKS.register_module()
class MixtureHook(Hook):
    """Attaches the mixture to the model and keeps labels in checkpoints.

    Before training it checks that hooks provide all that the training needs:
    pseudo labels for unlabelled domains, and what moves the memory and the
    momentum encoder of the model; and that batches hold what the losses
    compare.

    Raises:
        TypeError: the training set is no :class:`DomainMixture`.
        ValueError: a hook is missing, there are more identities than the
            model has room for, one identity alone, or one image of each with
            a triplet loss.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check the mixture against the model and the other hooks."""
        mixture = runner.train_dataloader.dataset
        if not hasattr(mixture, 'label_table'):
            raise TypeError(
                'train_dataloader.dataset must be a DomainMixture (one '
                'labelled domain is one, too), got '
                f'{type(mixture).__name__}')
        model = bare_model(runner)
        unlabelled = [mixture.names[d] for d in mixture.label_table.unlabelled]
        needs = {}
        if unlabelled:
            needs['labels'] = f'the domains {unlabelled} are unlabelled'
        for part in ('memory', 'momentum_encoder'):
            if getattr(model, part) is not None:
                needs[part] = f'the model has a {part}'
        provided = {getattr(hook, 'provides', None) for hook in runner.hooks}
        for need, reason in needs.items():
            if need not in provided:
                raise ValueError(f'{reason}, but no hook provides {need}: add '
                                 f'{REMEDIES[need]}')
        if not unlabelled and mixture.label_table.num_labelled_classes < 2:
            raise ValueError(
                f'the training set {mixture.names} has 1 identity: nobody to '
                'tell it from; add people or an unlabelled domain')
        self._check_triplets(runner, model)
        model.attach(mixture)

    @staticmethod
    def _check_triplets(runner: Runner, model: Any) -> None:
        sampler = runner.train_dataloader.batch_sampler
        counts = getattr(sampler, 'instances', {}).values()
        if model.triplet is not None and 1 in counts:
            raise ValueError(
                'model.triplet compares images of one person, but a batch has '
                'one of each: set train_dataloader.batch_sampler.'
                'num_instances to at least 2, or model.triplet=None')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the labels; inside an epoch, what the model made of them."""
        table = runner.train_dataloader.dataset.label_table
        checkpoint['label_table'] = table.state_dict()
        if inside_epoch(runner):
            checkpoint['label_state'] = bare_model(runner).label_state()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the labels of an interrupted run."""
        if not is_resumed(runner):
            return
        if 'label_table' not in checkpoint:
            runner.logger.info('the checkpoint holds no label table: pseudo '
                               'labels are computed again')
            return
        table = runner.train_dataloader.dataset.label_table
        table.load_state_dict(checkpoint['label_table'])
        if 'label_state' in checkpoint:
            bare_model(runner).load_label_state(checkpoint['label_state'])
