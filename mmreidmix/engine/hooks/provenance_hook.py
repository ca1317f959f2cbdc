"""What a checkpoint says of its training: config, images, format, size."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.precision import training_precision
from mmreidmix.engine.start import input_size, test_pipeline
from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import method_hash


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Writes what a checkpoint has to say of its training into it.

    That is the hash of the config, the number format, the size of images, and
    the datasheets of own data, by domain.

    Results carry the same hash, so that a result tells whether the checkpoint
    was trained with the config it was tested with. The format may depend on
    the device, so the config does not tell it. A later training that starts
    from the checkpoint tests it at this size of images.
    """

    def before_train(self, runner: Runner) -> None:
        """Log the number format."""
        self.precision = training_precision(runner)
        runner.logger.info(f'The forward pass is computed in {self.precision}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save them."""
        checkpoint['meta']['method_sha256'] = method_hash(
            runner.cfg.to_dict())
        checkpoint['meta']['precision'] = self.precision
        size = input_size(
            test_pipeline(runner.cfg, 'val_dataloader')
            or test_pipeline(runner.cfg, 'test_dataloader'))
        if size is not None:
            checkpoint['meta']['preprocessing'] = dict(input_size=size)
        datasheets = _datasheets(runner)
        if datasheets:
            checkpoint['meta']['datasheets'] = datasheets


def _datasheets(runner: Runner) -> dict[str, dict]:
    domains = getattr(runner.train_dataloader.dataset, 'domains', ())
    return {domain.name: domain.datasheet for domain in domains
            if getattr(domain, 'datasheet', None)}
