"""What the top level of a config may name."""

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import signature

from mmengine.runner import Runner

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


def check_top_level(keys: Iterable[str]) -> None:
    """Raise ValueError for keys that nothing reads, which change nothing.

    Args:
        keys (Iterable[str]): of the top level, without helper variables.
    """
    known = {*signature(Runner.__init__).parameters, *MORE_KEYS} - {
        'self', 'cfg'}
    unknown = [key for key in keys if key not in known]
    if not unknown:
        return
    name = unknown[0]
    near = [ELSEWHERE.get(name)] if name in ELSEWHERE else (
        get_close_matches(name, known, 1, 0.6))
    hint = f'; did you mean {near[0]!r}?' if near else '.'
    raise ValueError(
        f'the config has {unknown} at its top level, which nothing reads'
        f'{hint} Helper variables begin with an underscore: _{name}')
