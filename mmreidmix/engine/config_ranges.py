"""Ranges of options that MMEngine takes without a look."""

from collections.abc import Mapping

from mmreidmix.checks import check_above, check_count
from mmreidmix.config_text import ABSENT, value_at

#: Options whose value must be above 0: at 0 or below nothing is learned.
POSITIVE = ('optim_wrapper.optimizer.lr', 'optim_wrapper.clip_grad.max_norm',
            'optim_wrapper.clip_grad.clip_value')
#: Options that count something, and the least value.
COUNTS = {
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'train_dataloader.batch_size': 1,
    'train_dataloader.num_workers': 0,
    'val_dataloader.batch_size': 1,
    'val_dataloader.num_workers': 0,
    'test_dataloader.batch_size': 1,
    'test_dataloader.num_workers': 0,
    'optim_wrapper.accumulative_counts': 1,
    'default_hooks.logger.interval': 1,
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
    'randomness.seed': 0,
}
#: Counts for which -1 means something: never, all.
OR_MINUS_ONE = ('default_hooks.checkpoint.interval',
                'default_hooks.checkpoint.max_keep_ckpts')


def check_ranges(cfg: Mapping) -> None:
    """Refuse numbers with which a training does nothing, or fails late.

    Raises:
        ValueError: an option of :data:`POSITIVE` or :data:`COUNTS` out of its
            range.
    """
    for key in (*POSITIVE, *COUNTS):
        value = value_at(cfg, key.split('.'))
        if value is ABSENT or value is None:
            continue
        if key in POSITIVE:
            check_above('config', 0, **{key: value})
        elif key not in OR_MINUS_ONE or value != -1:
            check_count('config', COUNTS[key], **{key: value})
