"""What a training loads: compared with what it trains."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch.nn as nn
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch.optim import Optimizer

from mmreidmix.checks import name_some
from mmreidmix.compat import is_resumed, loaded_file
from mmreidmix.config_text import ABSENT, differences, parse_config
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.models.weights import (
    check_embedding_weights,
    unwrap_state_dict,
)
from mmreidmix.registry import HOOKS

#: Parts of a config whose values a resumed run takes from the checkpoint.
STORED = ('optim_wrapper.optimizer', 'param_scheduler', 'randomness.seed')
#: Parts of a config that may well be others in a resumed run.
FREE = ('work_dir', 'load_from', 'resume', 'launcher')
_REMEDY = ('Resume with the config of the checkpoint, or give it as load_from '
           'without --resume, which takes the weights alone')


@HOOKS.register_module()
class CheckStartHook(Hook):
    """Raises where a training would not start from what it is given.

    MMEngine loads what fits and goes on. Here, before anything is loaded:

    - ``load_from`` must hold all weights of backbone and neck;
    - a resumed checkpoint must hold all weights, and states of the optimizer
      of the same shapes;
    - a config that differs from that of the resumed checkpoint is logged;
      where the checkpoint would win (:data:`STORED`, roles of domains) it is
      refused.

    Raises:
        ValueError: as said above.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare weights, optimizer and config."""
        if not isinstance(runner.optim_wrapper,
                          (OptimWrapper, OptimWrapperDict)):
            return  # a test, which has a hook of its own
        model, file = bare_model(runner), loaded_file(runner) or (
            'the latest checkpoint')
        if not is_resumed(runner):
            _check_weights(runner, model, checkpoint, file)
            return
        if not isinstance(checkpoint.get('meta'), Mapping) or (
                'optimizer' not in checkpoint):
            raise ValueError(f'{file} is no checkpoint of a training, which '
                             'alone can be resumed: give it as load_from')
        problems = [*_shape_problems(model, unwrap_state_dict(checkpoint)),
                    *_optimizer_problems(
                        runner.optim_wrapper, checkpoint['optimizer'])]
        if problems:
            raise ValueError(
                f'{file} can not be resumed by this model: '
                f'{name_some(problems, 3)}. {_REMEDY}')
        _check_config(runner, checkpoint['meta'].get('cfg'), file)


def _check_weights(runner: Runner, model: nn.Module, checkpoint: dict,
                   file: str) -> None:
    state, own = unwrap_state_dict(checkpoint), model.state_dict()
    check_embedding_weights(model, state, file)
    fitting = [key for key, value in own.items()
               if key in state and state[key].shape == value.shape]
    runner.logger.info(
        f'{len(fitting):,} of {len(own):,} tensors of the model come from '
        f'{file}; not from there: {name_some(sorted({*own} - {*fitting}))}; '
        f'in the file alone: {name_some(sorted({*state} - {*own}))}')


def _shape_problems(model: nn.Module, state: Mapping) -> Iterator[str]:
    own = model.state_dict()
    for key in sorted({*own, *state}):
        if key not in state or key not in own:
            place = 'the file' if key not in state else 'the model'
            yield f'{key} is not in {place}'
        elif own[key].shape != state[key].shape:
            yield (f'{key} has the shape {tuple(state[key].shape)} in the '
                   f'file and {tuple(own[key].shape)} in the model')


def _optimizer_problems(wrapper: Any, state: Mapping) -> Iterator[str]:
    if not isinstance(wrapper, OptimWrapperDict):
        yield from _state_problems(wrapper.optimizer, state)
        return
    for name, own in wrapper.items():
        if name not in state:
            yield f'the file has no optimizer {name!r}'
        else:
            yield from _state_problems(own.optimizer, state[name])


def _state_problems(optimizer: Optimizer, state: Mapping) -> Iterator[str]:
    own = [len(group['params']) for group in optimizer.param_groups]
    groups = state.get('param_groups', ())
    stored = [len(group['params']) for group in groups]
    if own != stored:
        yield (f'the optimizer has groups of {stored} parameters in the file '
               f'and {own} here')
        return
    parameters = [parameter for group in optimizer.param_groups
                  for parameter in group['params']]
    numbers = [number for group in groups for number in group['params']]
    for number, parameter in zip(numbers, parameters):
        for name, value in state['state'].get(number, {}).items():
            if getattr(value, 'ndim', 0) and value.shape != parameter.shape:
                yield (f'{name} of parameter {number} has the shape '
                       f'{tuple(value.shape)} in the file and '
                       f'{tuple(parameter.shape)} here')


def _check_config(runner: Runner, text: Any, file: str) -> None:
    """Log what differs; raise where the checkpoint would win."""
    if not isinstance(text, str):
        return
    changed = {
        '.'.join(map(str, path)): (_shown(old), _shown(new))
        for path, old, new in differences(
            parse_config(text), parse_config(runner.cfg.pretty_text))
    }
    changed = {key: values for key, values in changed.items()
               if not key.startswith(FREE)}
    lines = {key: f'{key} is {old} in the checkpoint and {new} in the config'
             for key, (old, new) in changed.items()}
    lost = [line for key, line in lines.items()
            if key.startswith(STORED) or key.endswith('.role')]
    if lost:
        raise ValueError(
            f'{file} is of another config, and its own would be used: '
            f'{"; ".join(lost[:3])}. {_REMEDY}')
    if lines:
        runner.logger.warning('The resumed run goes on with another config: '
                              + '; '.join(lines.values()))


def _shown(value: Any) -> str:
    return 'absent' if value is ABSENT else repr(value)
