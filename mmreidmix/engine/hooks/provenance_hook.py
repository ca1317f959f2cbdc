"""The config that a checkpoint was trained with, and its images' size."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.start import input_size, test_pipeline
from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import method_hash


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Writes the hash of the config and the tested size into checkpoints.

    Results carry the same hash, so that a result tells whether the checkpoint
    was trained with the config it was tested with. A later training that
    starts from the checkpoint tests it at this size.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save both."""
        checkpoint['meta']['method_sha256'] = method_hash(
            runner.cfg.to_dict())
        size = input_size(
            test_pipeline(runner.cfg, 'val_dataloader')
            or test_pipeline(runner.cfg, 'test_dataloader'))
        if size is not None:
            checkpoint['meta']['preprocessing'] = dict(input_size=size)
