"""What a config may name where MMEngine takes anything, or fails late."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from inspect import signature

import torch.nn as nn
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmreidmix.config_text import value_at

#: Read from the config, or usual in OpenMMLab; the others are arguments of
#: Runner.
MORE_KEYS = ('activation_checkpointing', 'compile', 'custom_imports',
             'find_unused_parameters', 'model_wrapper_cfg', 'precision',
             'protocol', 'test_pipeline', 'train_pipeline', 'vis_backends')
#: Keys of a loader: arguments of PyTorch's, and what MMEngine reads itself.
LOADER_KEYS = {
    *signature(DataLoader.__init__).parameters, 'num_batch_per_epoch'
} - {'self'}
#: What MMEngine's constructor of optimizers reads, and our own.
PARAMWISE_KEYS = (
    'bias_decay_mult', 'bias_lr_mult', 'bypass_duplicate', 'custom_keys',
    'dcn_offset_lr_mult', 'dwconv_decay_mult', 'flat_decay_mult',
    'norm_decay_mult', 'discriminator')
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
        meant = [place] if place else get_close_matches(key, known, 1, 0.8)
        if meant:
            raise ValueError(
                f'the config has {key!r} at its top level, which nothing '
                f'reads; did you mean {meant[0]!r}? A helper variable must '
                f'begin with an underscore: _{key}')
    return unread


def check_loaders(cfg: Mapping) -> None:
    """Raise ValueError for a loader without a data set, or an unknown key."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if not loader:
            continue
        if not loader.get('dataset'):
            raise ValueError(f'the config has no {name}.dataset, but only '
                             f'the keys {sorted(loader)}')
        _check_known(name, loader, LOADER_KEYS)


def check_optimizer(cfg: Mapping) -> None:
    """Raise ValueError for keys of ``optim_wrapper`` that MMEngine ignores."""
    wrapper = cfg.get('optim_wrapper') or {}
    near = get_close_matches('optimizer', wrapper, 1)
    if near and 'optimizer' not in wrapper:
        raise ValueError(f'optim_wrapper has {near[0]!r}; did you mean '
                         "'optimizer'?")
    rules = wrapper.get('paramwise_cfg') or {}
    _check_known('optim_wrapper.paramwise_cfg', rules, PARAMWISE_KEYS)
    for name, own in (rules.get('custom_keys') or {}).items():
        _check_known(f'optim_wrapper.paramwise_cfg.custom_keys[{name!r}]',
                     own, ('lr_mult', 'decay_mult'))


def check_parameter_names(cfg: Mapping, model: nn.Module) -> None:
    """Raise ValueError for a ``custom_keys`` that is part of no name."""
    wrapper = cfg.get('optim_wrapper') or {}
    keys = (wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}
    names = [name for name, _ in model.named_parameters()]
    for key in keys:
        if not any(key in name for name in names):
            raise ValueError(
                'optim_wrapper.paramwise_cfg.custom_keys: no parameter has '
                f'{key!r} in its name; the first is {names[0]!r}')


def _check_known(place: str, given: Mapping, known: Collection) -> None:
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, 1)
            meant = f'; did you mean {near[0]!r}?' if near else ''
            raise ValueError(f'{place} has {key!r}, which nothing reads'
                             f'{meant}')


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
    _check_known(f'default_hooks.{name}', hook, known)
