"""Seconds of an iteration of ReMix and of the baseline, on the same batch.

    python tools/benchmarks/remix_cost.py --models r50_ibn --out cost.json

Same backbone, batch and optimizer; random weights and images, half of them
labelled, half of videos. An iteration of ReMix is the forward pass of the
momentum encoder, the step of the encoder with all four losses, and the update
of momentum encoder and memory; one of the baseline is the step with identity
and triplet loss. Images are not loaded. The two are measured in turns, each in
a process of its own.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from common.command_line import NUM_INSTANCES, check_positive, save_report
from common.machine import hardware, versions
from common.subprocess_meter import in_new_process

from mmreidmix.choices import PRECISIONS
from mmreidmix.command_line import output_file, run_main

if TYPE_CHECKING:
    from mmreidmix.datasets import LabelTable

# People of each kind; labelled ones in four cameras, two images in each.
PEOPLE, CAMERAS, IMAGES = 500, 4, 8
REMIX = ['osnet_x0_25', 'r18_x0_25', 'r50_ibn']
KINDS = ('baseline', 'remix')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--models', nargs='+', choices=REMIX, default=REMIX,
        help='files of configs/_base_/backbones')
    add('--precision', choices=PRECISIONS, default='auto',
        help='number format; default: bf16 where that is faster')
    add('--size', nargs=2, type=int, default=[256, 128],
        metavar=('HEIGHT', 'WIDTH'))
    add('--batch-size', type=int, default=32)
    add('--iters', type=int, default=8, help='measured iterations per round')
    add('--warmup', type=int, default=3, help='iterations before each of them')
    add('--rounds', type=int, default=3, help='medians over so many count')
    add('--threads', type=int, help="default: torch's own")
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    if args.batch_size < 1 or args.batch_size % (2 * NUM_INSTANCES):
        parser.error('--batch-size must be a multiple of '
                     f'{2 * NUM_INSTANCES}, got {args.batch_size}')
    check_positive(parser, iters=args.iters, warmup=args.warmup,
                   rounds=args.rounds, threads=args.threads)
    return args


def label_table() -> LabelTable:
    """Labelled people, and as many clusters of videos."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.datasets import LabelTable
    people = np.arange(PEOPLE).repeat(IMAGES)
    table = LabelTable([people, None], [len(people)] * 2)
    table.assign({1: people})
    return table


def make_batch(args, views: int) -> dict:
    """Images of noise, the first half of labelled people."""
    import torch

    from mmreidmix.structures import ReIDDataSample
    rng = np.random.default_rng(0)
    people = args.batch_size // (2 * NUM_INSTANCES)
    indices = [
        kind * PEOPLE * IMAGES + person * IMAGES + k for kind in range(2)
        for person in rng.choice(PEOPLE, people, replace=False)
        for k in range(NUM_INSTANCES)
    ]
    shape = (views, 3, *args.size) if views > 1 else (3, *args.size)
    return dict(
        inputs=[torch.from_numpy(rng.integers(0, 256, shape, np.uint8))
                for _ in indices],
        data_samples=[
            ReIDDataSample(metainfo=dict(index=i, img_path=''))
            for i in indices
        ])


def build(name: str, kind: str):
    """A model with labels and, for ReMix, a full memory."""
    import torch
    from common.training_stages import model_config
    from mmengine.device import get_device

    from mmreidmix.registry import MODELS
    torch.manual_seed(0)
    model = MODELS.build(model_config(name, kind))
    model.init_weights()
    table = model.label_table = label_table()
    cameras = np.tile(np.arange(IMAGES) % CAMERAS, 2 * PEOPLE)
    # Each video is a camera of its own.
    cameras[PEOPLE * IMAGES:] = CAMERAS + np.arange(PEOPLE).repeat(IMAGES)
    model.cameras = cameras
    model.to(get_device()).train()
    if kind == 'remix':
        rows = torch.nn.functional.normalize(
            torch.randn(len(cameras), model.widths.embedding()))
        model.memory.rebuild([rows], table.labels, cameras,
                             table.num_classes, get_device())
    return model


def seconds(args, name: str, kind: str) -> float:
    """Seconds of one iteration."""
    import torch
    from common.training_stages import optimizer_config, rate
    from mmengine.logging import MMLogger
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import DefaultScope

    from mmreidmix.compat import keep_freed_memory
    torch.set_num_threads(args.threads)
    MMLogger.get_instance('remix_cost', log_level='WARNING')
    DefaultScope.get_instance('remix_cost', scope_name='mmreidmix')
    keep_freed_memory()
    model = build(name, kind)
    wrapper = build_optim_wrapper(model, optimizer_config(args.precision))
    batch = model.data_preprocessor.cast_data(
        make_batch(args, 2 if kind == 'remix' else 1))

    def step():
        model.train_step(batch, wrapper)
        if kind == 'remix':
            model.momentum_encoder.update(model)
            model.update_memory()

    return args.batch_size / rate(step, args)


def measure(args) -> dict:
    """Seconds of both kinds by model, medians over rounds."""
    results = {}
    for name in args.models:
        rounds = [{kind: in_new_process(partial(seconds, args, name, kind))
                   for kind in KINDS} for _ in range(args.rounds)]
        results[name] = dict(
            {kind: statistics.median(r[kind] for r in rounds)
             for kind in KINDS},
            ratio=statistics.median(
                r['remix'] / r['baseline'] for r in rounds),
            rounds=rounds)
    return results


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    import torch
    args.threads = args.threads or torch.get_num_threads()
    results = measure(args)
    for name, result in results.items():
        print(f'{name}: baseline {result["baseline"]:.3f} s, ReMix '
              f'{result["remix"]:.3f} s, {result["ratio"]:.2f} times')
    settings = {key: value for key, value in vars(args).items()
                if key != 'out'}
    save_report(
        dict(hardware=hardware(), versions=versions(), settings=settings,
             results=results), args.out)


if __name__ == '__main__':
    run_main(main)
