"""Brings the mixture's label table and the model together."""

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmreidmix.engine.runner_parts import bare_model
from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import method_hash

from .pseudo_label_hook import PseudoLabelHook


@HOOKS.register_module()
class MixtureHook(Hook):
    """Attaches the label table to the model and keeps it in checkpoints.

    Checkpoints also tell which config they were trained with, by the hash
    that results carry.

    Before training it checks that every unlabelled domain will get pseudo
    labels and that the identities fit the model.

    Raises:
        ValueError: an unlabelled domain without a ``PseudoLabelHook``, or
            more identities than the model has room for.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        """Check the mixture against the model and the other hooks."""
        mixture = runner.train_dataloader.dataset
        if not hasattr(mixture, 'label_table'):
            raise TypeError(
                'train_dataloader.dataset must be a DomainMixture (one '
                'labelled domain is one, too), got '
                f'{type(mixture).__name__}')
        table = mixture.label_table
        unlabelled = [mixture.names[d] for d in table.unlabelled]
        labeller = any(isinstance(h, PseudoLabelHook) for h in runner.hooks)
        if unlabelled and not labeller:
            raise ValueError(
                f'the domains {unlabelled} are unlabelled, but no hook gives '
                'them pseudo labels: add `default_hooks.pseudo_labels = '
                "dict(type='PseudoLabelHook', ...)` or set their role to "
                "'labelled'")
        model = bare_model(runner)
        model.check_room(table.num_classes)
        model.label_table = table

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Save the labels and the hash of the config."""
        table = runner.train_dataloader.dataset.label_table
        checkpoint['label_table'] = table.state_dict()
        checkpoint['meta']['method_sha256'] = method_hash(
            runner.cfg.to_dict())

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the labels of an interrupted run."""
        if not runner._resume:
            return
        if 'label_table' not in checkpoint:
            print_log(
                'the checkpoint holds no label table: labels are made anew',
                logger='current')
            return
        table = runner.train_dataloader.dataset.label_table
        table.load_state_dict(checkpoint['label_table'])
