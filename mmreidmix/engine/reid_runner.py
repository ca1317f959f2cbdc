"""The runner of trainings and tests."""

from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner

from .terminal import use_terminal
from .unwrap import single_optim_wrappers


class ReIDRunner(Runner):
    """MMEngine's runner, of whose start the terminal shows one screen.

    It also gathers what optimizers keep in several processes before it saves
    a checkpoint: MMEngine does that in the main process alone, which waits for
    the others for ever.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """See ``Runner.build_logger``."""
        logger = super().build_logger(*args, **kwargs)
        use_terminal(logger)
        return logger

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """See ``Runner.save_checkpoint``; every process calls it."""
        for wrapper in single_optim_wrappers(self):
            if hasattr(wrapper.optimizer, 'consolidate_state_dict'):
                wrapper.optimizer.consolidate_state_dict()
        super().save_checkpoint(*args, **kwargs)
