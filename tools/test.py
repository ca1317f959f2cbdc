"""Test a checkpoint on the held-out domains of a config, or on others.

Examples:
    python tools/test.py configs/baseline/r50_msmt17.py latest.pth
    python tools/test.py CONFIG CHECKPOINT --out result.json \
        --domains Market1501:data/market1501 PKUReid:data/pku_reid
    python tools/test.py configs/remix/r18_x0_25_toy.py latest.pth \
        --cfg-options model.inference=encoder  # not the momentum encoder
"""

import argparse
import json
import os
import sys
import tempfile
from ast import literal_eval
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper

import mmreidmix
from mmreidmix.compat import close_process_group
from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.engine.setup import build_runner
from mmreidmix.evaluation import FeatureTable, ReIDMetric
from mmreidmix.models.weights import unwrap_state_dict
from mmreidmix.registry import DATASETS
from mmreidmix.visualization import draw_table

PACKAGES = ('torch', 'torchvision', 'numpy', 'mmengine', 'mmcv', 'mmcv-lite',
            'mmpretrain')
# Heads may differ from the checkpoint's; a fresh BNNeck changes nothing.
NEEDED_PARTS = ('backbone.', 'neck.')


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Test a checkpoint: CMC, mAP and mINP per domain')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', help="checkpoint file, or 'none' for the weights that "
        'a training with this config starts from')
    parser.add_argument(
        '--domains',
        nargs='+',
        type=parse_domain,
        metavar='TYPE:PATH[:KEY=VALUE,...]',
        help='data sets to test on instead of those of the config')
    parser.add_argument('--out', help='JSON file for the results')
    parser.add_argument(
        '--show-dir', help='folder for pictures of rank lists')
    parser.add_argument(
        '--topk', type=int, default=10, help='images per rank list')
    parser.add_argument('--work-dir', help='folder of the logs')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config: key=value, with dots between '
        'the levels, e.g. test_dataloader.batch_size=64')
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    args = parser.parse_args(arguments)
    for name in (args.config, args.checkpoint):
        if name != 'none' and not os.path.isfile(name):
            parser.error(f'there is no file {name}')
    if args.topk < 1:
        parser.error(f'--topk must be above 0, got {args.topk}')
    return args


def parse_domain(text: str) -> dict:
    """Read ``Type:path[:key=value,...]`` as the config of a domain."""
    parts = text.split(':')
    if len(parts) not in (2, 3) or not all(parts):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not TYPE:PATH or TYPE:PATH:KEY=VALUE,...')
    kind = DATASETS.get(parts[0])
    if kind is None or not issubclass(kind, BaseReIDDataset):
        known = sorted(name for name, item in DATASETS.module_dict.items()
                       if issubclass(item, BaseReIDDataset))
        raise argparse.ArgumentTypeError(
            f'{parts[0]!r} is no data set type; there are {", ".join(known)}')
    domain = {'type': parts[0], 'data_root': parts[1]}
    for option in parts[2].split(',') if len(parts) == 3 else ():
        key, equals, value = option.partition('=')
        if not equals or not key:
            raise argparse.ArgumentTypeError(
                f'{option!r} in {text!r} is not KEY=VALUE')
        domain[key] = _literal(value)
    return domain


def _literal(text: str):
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def build_config(args) -> Config:
    """Merge the command line into the config.

    Raises:
        ValueError: ``--domains`` with a config that does not test on a
            :class:`RetrievalDataset`.
    """
    cfg = Config.fromfile(args.config)
    cfg.resume = False
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif not cfg.get('work_dir'):
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    if args.checkpoint != 'none':
        cfg.load_from = args.checkpoint
    if not cfg.get('test_dataloader') or 'domains' not in (
            cfg.test_dataloader.dataset):
        raise ValueError(
            f'{args.config}: test_dataloader.dataset must be a '
            'RetrievalDataset with `domains`')
    if args.domains:
        cfg.test_dataloader.dataset.domains = args.domains
    return cfg


class CheckWeightsHook(Hook):
    """Stop when the checkpoint does not hold the model's embedding.

    MMEngine logs such a difference and goes on with random weights.
    """

    priority = 'LOWEST'

    def after_load_checkpoint(self, runner, checkpoint):
        """Compare names and shapes."""
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        weights = unwrap_state_dict(checkpoint)
        missing = [
            key for key, value in model.state_dict().items()
            if key.startswith(NEEDED_PARTS) and not _fits(
                key, value, weights.get(key))
        ]
        if missing:
            raise ValueError(
                f'{runner._load_from} does not fit the model: {len(missing)} '
                'tensors of backbone and neck are absent or differ in shape, '
                f'such as {missing[:3]}; test it with the config it was '
                'trained with, or convert it (tools/model_converters)')


def _fits(key: str, value, weight) -> bool:
    if weight is None:
        return key.endswith('num_batches_tracked')  # not used in a test
    # MMPretrain resizes position embeddings while loading.
    return weight.shape == value.shape or key.endswith('pos_embed')


def find_metric(runner) -> ReIDMetric:
    """Return the metric whose features are drawn."""
    for metric in runner.test_evaluator.metrics:
        if isinstance(metric, ReIDMetric):
            return metric
    raise ValueError('--show-dir needs a ReIDMetric in test_evaluator')


def test_and_draw(runner, show_dir: str, topk: int) -> dict:
    """Test, then draw rank lists from the features of this very test."""
    metric = find_metric(runner)
    with tempfile.TemporaryDirectory() as folder:
        if not metric.save_features:
            metric.save_features = os.path.join(folder, 'features.npz')
        results = runner.test()
        if not is_main_process():
            return results
        table = FeatureTable.load(metric.save_features)
    for file in draw_table(
            table,
            show_dir,
            topk=topk,
            metric=metric.metric,
            cross_camera=metric.cross_camera):
        print_log(f'rank lists: {file}', logger='current')
    return results


def describe(args, runner, results: dict) -> dict:
    """Results with all that is needed to repeat them."""
    names = runner.test_dataloader.dataset.metainfo['domains']
    domains = runner.cfg.to_dict()['test_dataloader']['dataset']['domains']
    return {
        'results': results,
        'domains': [{
            'name': name, **domain
        } for name, domain in zip(names, domains)],
        'checkpoint': args.checkpoint,
        'config': args.config,
        'versions': _versions(),
        'seed': runner.seed,
    }


def _versions() -> dict:
    versions = {
        'python': sys.version.split()[0],
        'mmreidmix': mmreidmix.__version__
    }
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # mmcv and mmcv-lite exclude each other
            continue
    versions['cuda'] = torch.version.cuda
    return versions


def main(arguments=None):
    """Test, print, save."""
    args = parse_args(arguments)
    cfg = build_config(args)
    runner = build_runner(cfg, args.launcher)
    if args.checkpoint == 'none':
        # Runner.test, unlike Runner.train, does not initialise weights.
        runner._init_model_weights()
    else:
        runner.register_hook(CheckWeightsHook())
    if args.show_dir:
        results = test_and_draw(runner, args.show_dir, args.topk)
    else:
        results = runner.test()
    if args.out and is_main_process():
        out = Path(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(
            json.dumps(describe(args, runner, results), indent=2, default=str)
            + '\n',
            encoding='utf-8')
        print_log(f'results: {out}', logger='current')
    close_process_group()


if __name__ == '__main__':
    main()
