"""The config that a checkpoint was trained with."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import method_hash


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Writes the hash of the config into checkpoints.

    Results carry the same hash, so that a result tells whether the checkpoint
    was trained with the config it was tested with.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the hash."""
        checkpoint['meta']['method_sha256'] = method_hash(
            runner.cfg.to_dict())
