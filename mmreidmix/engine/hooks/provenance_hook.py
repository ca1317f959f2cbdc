"""The config and the number format that a checkpoint was trained with."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.precision import training_precision
from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import method_hash


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Writes the hash of the config and the number format into checkpoints.

    Results carry the same hash, so that a result tells whether the checkpoint
    was trained with the config it was tested with. The format may depend on
    the device, so the config does not tell it.
    """

    def before_train(self, runner: Runner) -> None:
        """Log the number format."""
        self.precision = training_precision(runner)
        runner.logger.info(f'The forward pass is computed in {self.precision}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save both."""
        checkpoint['meta']['method_sha256'] = method_hash(
            runner.cfg.to_dict())
        checkpoint['meta']['precision'] = self.precision
