"""The start of a training: its weights, and what they score untouched."""

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Optional

import torch
from mmengine.dataset import Compose
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader

from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.engine.loading_workers import worker_options
from mmreidmix.engine.random_state import same_random_numbers
from mmreidmix.engine.stop_signals import outlive_signal
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.models.encoder import ENCODER_PARTS
from mmreidmix.models.weights import unwrap_state_dict
from mmreidmix.results.provenance import file_hash
from mmreidmix.results.start_row import RANDOM, size_text

Size = Optional[tuple[int, int]]


def describe_start(cfg: Mapping, loader: str) -> dict:
    """Which weights a training starts from, and at which size to test them.

    Args:
        cfg (Mapping): the config.
        loader (str): the one that tests, 'val_dataloader' or
            'test_dataloader'.

    Returns:
        dict: 'weights', a file or address, or 'random weights'; 'sha256', of
        the file, of the text of an address, or of the config of the network
        that random weights are drawn for; 'parts' of the network that the
        file holds, None where that is not known; and sizes (height, width),
        None where they are not known: 'native_size' of the weights,
        'config_size' of the transforms, and 'input_size' to test at, the
        native one if it is known.

    Raises:
        ValueError: the file names a native size that is none.
    """
    files = _start_files(cfg)
    meta, parts = _read(files)
    native, own = _native_size(files, meta), input_size(
        test_pipeline(cfg, loader))
    return dict(
        weights=', '.join(files) or RANDOM,
        sha256=_hash(files, cfg),
        parts=parts,
        native_size=native,
        config_size=own,
        input_size=native if native and own else own)


def start_text(start: Mapping) -> str:
    """What is tested as the start, for the log."""
    size, own = size_text(start['input_size']), size_text(start['config_size'])
    if start['weights'] == RANDOM:
        return f'Start: {RANDOM}, tested at {size}'
    text = (f'Start: {start["weights"]} (sha256 {start["sha256"][:16]}), '
            f'tested at ')
    if start['native_size'] is None:
        return (f'{text}{size}, the size of the config: its native size is '
                'not known (tools/model_converters/convert_weights.py '
                '--input-size writes it into the file)')
    if start['input_size'] != start['native_size']:
        return (f'{text}{size}: its native size is '
                f'{size_text(start["native_size"])}, but the test transforms '
                'have no single Resize with a `scale`')
    return f'{text}its native size {size}; the config tests at {own}'


def input_size(pipeline: Sequence[Mapping]) -> Size:
    """(height, width) that transforms resize to; None if that is not clear."""
    scales = [step.get('scale') for step in pipeline if _is_resize(step)]
    if len(scales) != 1 or scales[0] is None:
        return None
    scale = scales[0]
    return (scale, scale) if isinstance(scale, int) else tuple(scale[::-1])


def test_pipeline(cfg: Mapping, loader: str) -> Sequence[Mapping]:
    """Transforms of a loader of a config; empty where it has none."""
    dataset = (cfg.get(loader) or {}).get('dataset') or {}
    return dataset.get('pipeline') or ()


def use_native_size(cfg: Mapping, start: Mapping) -> None:
    """Let a config test at the size of its start."""
    dataset = cfg['test_dataloader']['dataset']
    dataset['pipeline'] = _resized(dataset['pipeline'], start['input_size'])


@contextmanager
def untouched(model: Any, start: Mapping) -> Iterator[None]:
    """Let a model embed as the weights alone do: without fresh attention.

    It halves the maps that the weights have learned to read. All other fresh
    parts leave the embedding as it is.

    Args:
        model (BaseReID): before its first step.
        start (Mapping): of :func:`describe_start`.
    """
    fresh = 'attention' not in (start['parts'] or ())
    encoders = [
        encoder for encoder in (model, model.momentum_encoder)
        if fresh and getattr(encoder, 'attention', None) is not None
    ]
    attentions = [encoder.attention for encoder in encoders]
    for encoder in encoders:
        encoder.attention = None
    try:
        yield
    finally:
        for encoder, attention in zip(encoders, attentions):
            encoder.attention = attention


def score_start(runner: Runner, start: Mapping) -> dict:
    """Scores of the start weights, on the images of the validation.

    No hook hears of it. Weights, statistics, mode and random numbers stay as
    they are.

    Args:
        runner (Runner): before its first step.
        start (Mapping): of :func:`describe_start`.

    Returns:
        dict[str, float]: scores by '<domain>/<score>', as of a validation.
    """
    model, evaluator = runner.model, runner.val_evaluator
    loader = _loader(runner, start['input_size'])
    training = model.training
    model.eval()
    with same_random_numbers(), torch.no_grad(), untouched(
            bare_model(runner), start):
        for batch in loader:
            with autocast(enabled=runner.val_loop.fp16):
                outputs = model.val_step(batch)
            evaluator.process(data_samples=outputs, data_batch=batch)
        scores = evaluator.evaluate(len(loader.dataset))
    model.train(training)
    return scores


def _loader(runner: Runner, size: Size) -> DataLoader:
    """The validation's images at a size; its own workers are not started."""
    loader = runner.val_dataloader
    dataset = loader.dataset
    pipeline = test_pipeline(runner.cfg, 'val_dataloader')
    if size != input_size(pipeline):
        dataset = copy.copy(dataset)
        dataset.pipeline = Compose(_resized(pipeline, size))
    return DataLoader(
        dataset,
        batch_sampler=loader.batch_sampler,
        **worker_options(loader.num_workers),
        worker_init_fn=outlive_signal,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory)


def _resized(pipeline: Sequence[Mapping], size: Size) -> list:
    return [dict(step, scale=size[::-1]) if size and _is_resize(step)
            else step for step in pipeline]


def _is_resize(step: Mapping) -> bool:
    return str(step['type']).rpartition('.')[2] == 'Resize'


def _start_files(cfg: Mapping) -> list[str]:
    """Files or addresses that hold the encoder's weights."""
    if cfg.get('load_from'):
        return [cfg['load_from']]
    model = cfg['model']
    own = _checkpoint(model)  # then its parts are not initialised
    parts = [model.get(part) for part in ENCODER_PARTS]
    return own or list(dict.fromkeys(
        file for part in parts if isinstance(part, Mapping)
        for file in _checkpoint(part)))


def _checkpoint(module: Mapping) -> list[str]:
    init = module.get('init_cfg') or []
    init = [init] if isinstance(init, Mapping) else init
    return [step['checkpoint'] for step in init if 'checkpoint' in step]


def _read(files: Sequence[str]) -> tuple[Mapping, Optional[list[str]]]:
    """Meta data and parts of a file of weights, as far as they are known."""
    if len(files) != 1 or not os.path.isfile(files[0]):
        return {}, None
    content = read_checkpoint(files[0])
    keys = unwrap_state_dict(content)
    return content.get('meta') or {}, sorted(
        {key.partition('.')[0] for key in keys})


def _native_size(files: Sequence[str], meta: Mapping) -> Size:
    size: Any = (meta.get('preprocessing') or {}).get('input_size')
    if size is None:
        return None
    if len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(
            f'{files[0]}: meta.preprocessing.input_size must be (height, '
            f'width) in pixels, got {size!r}')
    return tuple(size)


def _hash(files: Sequence[str], cfg: Mapping) -> str:
    if len(files) == 1 and os.path.isfile(files[0]):
        return file_hash(files[0])
    network = {part: cfg['model'].get(part) for part in ENCODER_PARTS}
    text = ', '.join(files) or json.dumps(
        network, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
