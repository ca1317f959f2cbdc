"""What a config may name where MMEngine takes anything, or fails late."""

from collections.abc import Mapping
from difflib import get_close_matches
from inspect import signature

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmreidmix.config_text import value_at

#: Read from the config, or usual in OpenMMLab; the others are arguments of
#: Runner.
MORE_KEYS = ('compile', 'custom_imports', 'find_unused_parameters',
             'model_wrapper_cfg', 'precision', 'protocol', 'test_pipeline',
             'train_pipeline', 'vis_backends')
#: Hooks that MMEngine adds by itself, and leaves out for None.
MMENGINE_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger',
                  'param_scheduler', 'checkpoint')
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


def check_loaders(cfg: Mapping) -> None:
    """Raise ValueError for a loader without a data set."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if loader and not loader.get('dataset'):
            raise ValueError(f'the config has no {name}.dataset, but only '
                             f'the keys {sorted(loader)}')


def check_optimizer(cfg: Mapping) -> None:
    """Raise ValueError for ``optim_wrapper`` with a misspelt optimizer."""
    wrapper = cfg.get('optim_wrapper') or {}
    near = get_close_matches('optimizer', wrapper, 1)
    if near and 'optimizer' not in wrapper:
        raise ValueError(f'optim_wrapper has {near[0]!r}; did you mean '
                         "'optimizer'?")


def check_hooks(hooks: Mapping) -> dict:
    """Default hooks without those that are None, whoever has set them.

    Raises:
        ValueError: a hook without a type, which may be a misspelt name, or an
            unknown option of MMEngine's ``CheckpointHook``, which takes any.
    """
    for name, hook in hooks.items():
        if hook is not None and 'type' not in hook:
            near = get_close_matches(name, {*hooks} - {name}, 1)
            raise ValueError(
                f'default_hooks.{name} has no type' +
                (f'; did you mean {near[0]!r}?' if near else ''))
        if hook and hook['type'] == 'CheckpointHook':
            check_checkpoint_hook(name, hook)
    return {name: hook for name, hook in hooks.items()
            if hook is not None or name in MMENGINE_HOOKS}


def check_checkpoint_hook(name: str, hook: Mapping) -> None:
    """Raise ValueError for an option that the hook would pass on, and fail."""
    known = {*signature(CheckpointHook.__init__).parameters,
             *signature(Runner.save_checkpoint).parameters, 'type'}
    unknown = sorted({*hook} - known)
    if unknown:
        near = get_close_matches(unknown[0], known, 1)
        meant = f'; did you mean {near[0]!r}?' if near else ''
        raise ValueError(f'default_hooks.{name}: CheckpointHook has no option '
                         f'{unknown[0]!r}{meant}')
