"""Images per second: data alone, step alone, whole loop, embedding.

    python tools/benchmarks/train_speed.py --json speed.json

What each figure means: docs/en/reference/speed.md.
"""

import argparse
import collections
import itertools
import statistics
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import cv2
import torch
from common.command_line import check_positive, save_report
from common.machine import hardware, versions
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.runner.amp import autocast

from mmreidmix.command_line import run_main
from mmreidmix.compat import keep_freed_memory
from mmreidmix.engine.build_runner import build_runner
from mmreidmix.registry import MODELS
from mmreidmix.toy import generate

BASE = Path(__file__).resolve().parents[2] / 'configs' / '_base_'
BACKBONES = sorted(file.stem for file in (BASE / 'backbones').glob('*.py')
                   if file.stem != 'preprocessor')
FORMATS = ('fp32', 'bf16')
NUM_CLASSES = 1000
NUM_INSTANCES = 4
ADAM = dict(lr=3.5e-4, weight_decay=5e-4)
SETTINGS = ('size', 'batch_size', 'iters', 'warmup', 'rounds', 'workers')
# Figures of a format, and those that no format concerns.
OWN, SHARED = ('step', 'loop', 'embed'), ('loading', 'plain')
# Ratio -> figure above the line, figures below it (the slowest counts), and
# what the project aims at.
RATIOS = {
    'loop_to_slower': ('loop', ('loading', 'step'), '0.90'),
    'loop_to_plain': ('loop', ('plain', ), '2.5 (r50, bf16)'),
    'step_to_plain': ('step', ('plain', ), '-'),
}


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='The GPU is used where there is one; set '
        "CUDA_VISIBLE_DEVICES='' to measure the CPU beside it.")
    gpu = torch.cuda.is_available()
    add = parser.add_argument
    add('--models', nargs='+', choices=BACKBONES,
        default=['r50', 'osnet_x0_25'],
        help='files of configs/_base_/backbones')
    add('--formats', nargs='+', choices=FORMATS, default=list(FORMATS),
        help='number formats; default: both')
    add('--size', nargs=2, type=int, default=[256, 128],
        metavar=('HEIGHT', 'WIDTH'))
    add('--batch-size', type=int, default=32)
    add('--iters', type=int, default=8, help='measured iterations per round')
    add('--warmup', type=int, default=3, help='iterations before each of them')
    add('--rounds', type=int, default=3,
        help='all figures are measured in turns, so often; medians count')
    add('--threads', type=int, help="threads of torch; default: torch's own")
    add('--workers', type=int, default=4 if gpu else 0,
        help='loading processes; default: 4 with a GPU, 0 without')
    add('--data',
        help='a Market-1501 folder; default: toy images, drawn on the spot')
    add('--json', type=Path, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, iters=args.iters, warmup=args.warmup,
                   rounds=args.rounds)
    if args.batch_size < 1 or args.batch_size % NUM_INSTANCES:
        parser.error(f'--batch-size must be a multiple of {NUM_INSTANCES}, '
                     f'got {args.batch_size}')
    return args


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

    def _in_new_process(self, figure: str, *options: str) -> float:
        """One figure, untouched by what another left in the process."""
        with get_context('spawn').Pool(1) as pool:
            return pool.apply(measure_one, (self, figure, *options))

    def run(self) -> dict:
        """All figures in turns, by format: a machine's speed drifts."""
        rounds = {name: collections.defaultdict(list)
                  for name in self.args.formats}
        for _ in range(self.args.rounds):
            shared = {f: self._in_new_process(f) for f in SHARED}
            for name, found in rounds.items():
                rates = {f: self._in_new_process(f, name) for f in OWN}
                for figure, value in {**shared, **rates}.items():
                    found[figure].append(value)
        return {
            name: dict(
                images_per_second={
                    figure: statistics.median(values)
                    for figure, values in found.items()},
                ratios=ratios_of(found),
                rounds=found)
            for name, found in rounds.items()
        }


def ratios_of(rounds: dict) -> dict:
    """Medians over rounds of the ratios inside each round.

    Args:
        rounds (dict[str, list[float]]): rates of each figure, by round.
    """
    by_round = [dict(zip(rounds, values)) for values in zip(*rounds.values())]
    return {
        name: statistics.median(r[above] / min(r[b] for b in below)
                                for r in by_round)
        for name, (above, below, _) in RATIOS.items()
    }


def make_table(results: dict) -> str:
    """Rates and ratios, one column per backbone and format, in Markdown.

    Args:
        results (dict[str, dict]): name of a backbone -> ``Bench.run()``.
    """
    columns = {f'{name} ({precision})': found
               for name, formats in results.items()
               for precision, found in formats.items()}
    rows = [['', *columns, 'goal']]
    rows.append(['---'] + ['---:'] * (len(columns) + 1))
    for name in (*SHARED, *OWN):
        rates = [r['images_per_second'][name] for r in columns.values()]
        rows.append([f'{name}, images/s', *map('{:.1f}'.format, rates), '-'])
    for name, (_, _, goal) in RATIOS.items():
        ratios = [r['ratios'][name] for r in columns.values()]
        rows.append([name, *map('{:.2f}'.format, ratios), goal])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        f'| {" | ".join(map(str.ljust, row, widths))} |' for row in rows)


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


def measure(args: argparse.Namespace) -> dict:
    """Measure all backbones one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        data = args.data
        if not data:
            data = str(Path(folder) / 'toy')
            generate(data, 'market1501', 'synthetic', num_ids=25,
                     num_test_ids=1, images_per_camera=2, num_cameras=6,
                     size=(128, 64))
        results = {
            name: Bench(args, name, data, str(Path(folder) / name)).run()
            for name in args.models
        }
    return dict(
        hardware=hardware(),
        versions=versions(),
        settings=dict(
            {name: getattr(args, name) for name in SETTINGS},
            classes=NUM_CLASSES,
            data=args.data or 'toy'),
        results=results)


def main(argv=None) -> None:
    """Measure, print, save."""
    args = parse_args(argv)
    report = measure(args)
    save_report(report, args.json)
    print(report['hardware'], report['settings'], sep='\n')
    print(make_table(report['results']))


if __name__ == '__main__':
    run_main(main)
