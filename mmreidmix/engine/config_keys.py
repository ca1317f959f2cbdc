"""What the top level of a config may name."""

from collections.abc import Mapping
from difflib import get_close_matches
from inspect import signature

from mmengine.runner import Runner

from mmreidmix.config_text import value_at

#: Read from the config, or usual in OpenMMLab; the others are arguments of
#: Runner.
MORE_KEYS = ('compile', 'custom_imports', 'find_unused_parameters',
             'model_wrapper_cfg', 'precision', 'protocol', 'test_pipeline',
             'train_pipeline', 'vis_backends')
#: What people write at the top that belongs elsewhere.
ELSEWHERE = dict(
    seed='randomness.seed',
    lr='optim_wrapper.optimizer.lr',
    learning_rate='optim_wrapper.optimizer.lr',
    optimizer='optim_wrapper.optimizer',
    max_epochs='train_cfg.max_epochs',
    epochs='train_cfg.max_epochs',
    batch_size='train_dataloader.batch_size',
    num_workers='train_dataloader.num_workers',
    iters_per_epoch='train_dataloader.batch_sampler.iters_per_epoch',
    quotas='train_dataloader.batch_sampler.quotas')


def known_keys() -> set[str]:
    """Keys that are read."""
    return {*signature(Runner.__init__).parameters, *MORE_KEYS} - {
        'self', 'cfg'}


def unread_keys(cfg: Mapping) -> list[str]:
    """Keys of the top level that nothing reads, such as helper variables.

    Raises:
        ValueError: one that is meant to be read: a misspelt key, or an option
            that belongs elsewhere and is not found there.
    """
    known = known_keys()
    unread = [key for key in cfg if key not in known]
    for key in unread:
        place = ELSEWHERE.get(key)
        if place and value_at(cfg, place.split('.')) == cfg[key]:
            continue  # a helper variable, which has been used
        meant = [place] if place else get_close_matches(key, known, 1, 0.85)
        if meant:
            raise ValueError(
                f'the config has {key!r} at its top level, which nothing '
                f'reads; did you mean {meant[0]!r}? A helper variable must '
                f'begin with an underscore: _{key}')
    return unread
