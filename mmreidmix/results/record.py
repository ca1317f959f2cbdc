"""What a test says of itself, and where it is written."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner.amp import autocast

from mmreidmix.precision import current_precision
from mmreidmix.version import __version__

from .provenance import (
    checkpoint_hash,
    describe_domains,
    describe_sources,
    file_hash,
    method_hash,
    protocol_text,
    versions,
)
from .rescoring import evaluator_options
from .result_file import read_result, write_queries, write_result


def describe_test(runner: Any, results: Mapping, weights: Any, *, config: str,
                  checkpoint: str, start: Optional[Mapping] = None,
                  part: str = 'test') -> dict:
    """Results with all that is needed to compare and repeat them.

    Args:
        runner (Runner): after its test.
        results (Mapping[str, float]): what the test returned.
        weights (CheckWeightsHook): what the checkpoint says of its training.
        config (str): file of the config.
        checkpoint (str): file of the weights, or 'none'.
        start (Mapping, optional): what the training started from, where
            that is known; of 'none', what was tested.
        part (str): what was run, 'test' or 'val'.

    Returns:
        dict: fields of a result file, see :mod:`.result_file`.
    """
    cfg = runner.cfg.to_dict()
    dataset = getattr(runner, f'{part}_dataloader').dataset
    metrics = getattr(runner, f'{part}_evaluator').metrics
    training = weights.training or cfg
    trained, tested = weights.method_sha256, method_hash(cfg)
    if trained not in (None, tested):
        whose = 'the checkpoint' if weights.training else config
        print_log(
            f'{checkpoint} was trained with a config that is not {config}: '
            'sources, protocol, seen_in_training and checkpoint_rule of the '
            f'result are those of {whose}',
            logger='current',
            level=logging.WARNING)
    saved = [getattr(metric, 'save_features', None)
             for metric in metrics]
    return {
        'results': results,
        'protocol': protocol_text(cfg, dataset.metainfo['domains'], training),
        'sources': describe_sources(training),
        'domains': describe_domains(dataset, cfg, part, training),
        'evaluators': evaluator_options(cfg, part),
        'method': Path(config).stem,
        'config': config,
        'config_sha256': tested,
        'training_config_sha256': trained,
        'checkpoint': checkpoint,
        'checkpoint_sha256': checkpoint_hash(checkpoint),
        'checkpoint_rule': weights.rule,
        'start': start,
        'training_seed': weights.seed,
        'precision': _precision(runner, part),
        'seed': runner.seed,
        'versions': versions(mmreidmix=__version__, cuda=torch.version.cuda),
        'features': [
            dict(file=str(file), sha256=file_hash(file)) for file in saved
            if file and os.path.isfile(file)
        ],
    }


def _precision(runner: Any, part: str) -> str:
    """Number format of the tested embeddings, such as 'fp32'."""
    exported = getattr(runner.model, 'precision', None)
    if exported:
        return exported
    with autocast(enabled=getattr(runner, f'{part}_loop').fp16):
        return current_precision(get_device())


def free_place(work_dir: str, checkpoint: str) -> str:
    """Where a test writes if nobody says it.

    Args:
        work_dir (str): folder of the test.
        checkpoint (str): file of the weights, or 'none'.

    Returns:
        str: ``results.json`` in the folder.

    Raises:
        FileExistsError: the file holds the results of another checkpoint.
    """
    file = Path(work_dir, 'results.json')
    if not file.is_file():
        return str(file)
    other = read_result(file)
    if other['checkpoint'] != 'none' and other.get(
            'checkpoint_sha256') != checkpoint_hash(checkpoint):
        raise FileExistsError(
            f'{file} holds the results of {other["checkpoint"]}, with other '
            'weights. Name a file by --out, or remove this one')
    return str(file)


def save_test(file: str, record: Mapping, metrics: Sequence) -> None:
    """Write a result file and, beside it, the values of each query.

    Args:
        file (str): the result file.
        record (Mapping): see :func:`describe_test`.
        metrics (Sequence[BaseMetric]): of the test.
    """
    write_result(file, record)
    rankings = {
        f'{metric.prefix}/{name}' if metric.prefix else name: ranking
        for metric in metrics
        for name, ranking in getattr(metric, 'rankings', {}).items()
    }
    if rankings:
        write_queries(file, rankings)
    print_log(f'results: {file}', logger='current')
