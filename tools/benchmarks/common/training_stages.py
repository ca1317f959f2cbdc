"""Figures of a training, measured; each in a process of its own."""

import argparse
import collections
import itertools
import time

import cv2
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.runner.amp import autocast

from mmreidmix.compat import keep_freed_memory
from mmreidmix.engine.build_runner import build_runner
from mmreidmix.registry import MODELS

from .command_line import BASE, NUM_INSTANCES

NUM_CLASSES = 1000
ADAM = dict(lr=3.5e-4, weight_decay=5e-4)


def resized_pipeline(height: int, width: int) -> list:
    """The training transforms of 256 x 128 for another size."""
    pipeline = Config.fromfile(
        BASE / 'pipelines' / '256x128.py').train_pipeline
    for step in pipeline:
        if step.type == 'Resize':
            step.scale = (width, height)
        if step.type == 'mmpretrain.RandomCrop':
            step.crop_size = (height, width)
            step.padding = round(step.padding * height / 256)
    return pipeline


def loader_config(args: argparse.Namespace, data: str, iters: int) -> dict:
    """A training loader with so many batches."""
    return dict(
        batch_size=args.batch_size,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,
        sampler=dict(type='DefaultSampler'),
        batch_sampler=dict(
            type='PKBatchSampler',
            num_instances=NUM_INSTANCES,
            iters_per_epoch=iters),
        dataset=dict(
            type='DomainMixture',
            domains=[
                # A name of its own: part of the set or toys will do.
                dict(type='Market1501', name='speed', data_root=data,
                     role='labelled')
            ],
            pipeline=resized_pipeline(*args.size)))


def model_config(name: str, method: str = 'baseline',
                 channels_last: bool = True) -> Config:
    """Config of a method on a backbone, without downloads."""
    cfg = Config.fromfile(BASE / 'methods' / f'{method}.py')
    encoder = Config.fromfile(BASE / 'backbones' / f'{name}.py')._encoder
    cfg.merge_from_dict(dict(model=encoder.to_dict()))
    cfg.model.backbone.pop('init_cfg', None)
    cfg.model.channels_last = channels_last
    cfg.model.data_preprocessor.channels_last = channels_last
    if 'id_head' in cfg.model:
        cfg.model.id_head.max_classes = NUM_CLASSES
    return cfg.model


def optimizer_config(precision: str) -> dict:
    """The optimizer of the default recipe, in a number format."""
    wrapper = dict(type='OptimWrapper') if precision == 'fp32' else dict(
        type='Bf16OptimWrapper', force=precision == 'bf16')
    return dict(wrapper, optimizer=dict(type='Adam', **ADAM, fused=True))


def use_all_classes(table) -> None:
    """Let the classifier multiply 1,000 classes, whatever the data hold."""
    table.num_classes = max(table.num_classes, NUM_CLASSES)


def synchronise() -> float:
    """Wait for the GPU, if there is one; the time then, in seconds."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def rate(step, args: argparse.Namespace) -> float:
    """Images per second of a callable that takes one batch."""
    for _ in range(args.warmup):
        step()
    start = synchronise()
    for _ in range(args.iters):
        step()
    return args.iters * args.batch_size / (synchronise() - start)


class Stopwatch(Hook):
    """Seconds from the end of the last warm-up iteration to the last one."""

    priority = 'LOWEST'

    def __init__(self, warmup: int, iters: int):
        self.ends = (warmup - 1, warmup + iters - 1)
        self.times = []

    def before_train(self, runner) -> None:
        """Use as many classes as the other measurements."""
        use_all_classes(runner.train_dataloader.dataset.label_table)

    def after_train_iter(self, runner, batch_idx: int, *args,
                         **kwargs) -> None:
        """Take the time at both ends."""
        if batch_idx in self.ends:
            self.times.append(synchronise())


class Bench:
    """Measures the figures of one backbone.

    Args:
        args (Namespace): the command line.
        name (str): the backbone.
        data (str): folder of the images.
        work_dir (str): folder for the logs of the loop.
    """

    def __init__(self, args: argparse.Namespace, name: str, data: str,
                 work_dir: str):
        self.args, self.name = args, name
        self.data, self.work_dir = data, work_dir

    def load_batch(self) -> None:
        """Load the fixed batch of ``step`` and ``plain``."""
        loader = self._loader(1)
        self.batch = next(iter(loader))
        self.mixture = loader.dataset
        use_all_classes(self.mixture.label_table)

    def _loader(self, iters: int):
        return Runner.build_dataloader(
            loader_config(self.args, self.data, iters), seed=0)

    def loading(self) -> float:
        """The data loader, without a model."""
        # Workers deliver in bursts and run ahead: many more batches than
        # they hold are measured, after all they held at the start.
        held = 2 * self.args.workers
        warmup = max(self.args.warmup, held)
        iters = max(10, self.args.iters, 10 * held)
        batches = iter(self._loader(warmup + iters))
        collections.deque(itertools.islice(batches, warmup), maxlen=0)
        start = time.perf_counter()
        count = sum(len(batch['inputs']) for batch in batches)
        return count / (time.perf_counter() - start)

    def step(self, precision: str) -> float:
        """``train_step`` of the default recipe on one batch."""
        keep_freed_memory()  # as build_runner does
        model, batch = self._model_and_batch(channels_last=True)
        wrapper = build_optim_wrapper(model, optimizer_config(precision))
        return rate(lambda: model.train_step(batch, wrapper), self.args)

    @torch.no_grad()
    def embed(self, precision: str) -> float:
        """Embedding of the batch, as in a label stage."""
        keep_freed_memory()
        model, batch = self._model_and_batch(channels_last=True)
        model.eval()
        with autocast(enabled=precision == 'bf16', dtype=torch.bfloat16):
            return rate(
                lambda: model.embed(model.data_preprocessor(batch)['inputs']),
                self.args)

    def plain(self) -> float:
        """A bare float32 loop of the same model on the same batch."""
        model, batch = self._model_and_batch(channels_last=False)
        optimizer = torch.optim.Adam(model.parameters(), **ADAM)

        def step():
            data = model.data_preprocessor(batch, training=True)
            loss = sum(model(**data, mode='loss').values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return rate(step, self.args)

    def loop(self, precision: str) -> float:
        """MMEngine's runner with all default hooks but checkpoints."""
        watch = Stopwatch(self.args.warmup, self.args.iters)
        runner = build_runner(self._runner_config(precision))
        runner.register_hook(watch)
        runner.train()
        begin, end = watch.times
        return self.args.iters * self.args.batch_size / (end - begin)

    def _model_and_batch(self, channels_last: bool):
        torch.manual_seed(0)
        model = MODELS.build(
            model_config(self.name, channels_last=channels_last))
        model.init_weights()
        model.attach(self.mixture)
        model.to(get_device()).train()
        return model, model.data_preprocessor.cast_data(self.batch)

    def _runner_config(self, precision: str) -> Config:
        cfg = Config.fromfile(BASE / 'default_runtime.py')
        cfg.default_hooks.checkpoint = None
        cfg.merge_from_dict(
            dict(
                model=model_config(self.name),
                train_dataloader=loader_config(
                    self.args, self.data, self.args.warmup + self.args.iters),
                train_cfg=dict(type='ResumableEpochLoop', max_epochs=1),
                optim_wrapper=optimizer_config(precision),
                log_level='WARNING',
                # MMEngine's names differ only from second to second.
                experiment_name=f'{self.name}_{time.time_ns()}',
                work_dir=self.work_dir))
        return cfg


def measure_one(bench: Bench, figure: str, *options: str) -> float:
    """Images per second of one figure, in a process of its own."""
    if bench.args.threads:
        torch.set_num_threads(bench.args.threads)
    # As MMEngine's runner does, for the measurements without one.
    cv2.setNumThreads(0)
    MMLogger.get_instance('train_speed', log_level='WARNING')
    DefaultScope.get_instance('train_speed', scope_name='mmreidmix')
    bench.load_batch()
    return getattr(bench, figure)(*options)
