"""Test a checkpoint on the held-out domains of a config, or on others.

Examples:
    python tools/test.py configs/baseline/r50_msmt17.py latest.pth
    python tools/test.py CONFIG none  # the row of doing nothing
    python tools/test.py CONFIG CHECKPOINT --out result.json \
        --domains Market1501:data/market1501 PKUReid:data/pku_reid
    python tools/test.py configs/remix/r18_x0_25_toy.py latest.pth \
        --cfg-options model.inference=encoder  # not the momentum encoder
    python tools/test.py CONFIG CHECKPOINT --camera-profiles tested
    python tools/test.py CONFIG CHECKPOINT --save-features features.npz
    python tools/test.py --from-features features.npz --results results.json
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
from mmreidmix.choices import EXPORTED
from mmreidmix.command_line import (
    CfgOptions,
    output_file,
    output_folder,
    run_main,
)
from mmreidmix.files import check_place
from mmreidmix.results.checkpoint_selection import SELECTION_RULES

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmreidmix.engine.hooks.check_weights_hook import CheckWeightsHook


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Test a checkpoint: CMC, mAP and mINP per domain')
    parser.add_argument('config', nargs='?', help='config file')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help="checkpoint file, or 'none' for the weights that a training "
        'with this config starts from, at their native size, or an exported '
        f'model ({" or ".join(EXPORTED)})')
    parser.add_argument(
        '--domains',
        nargs='+',
        type=parse_domain,
        metavar='TYPE:PATH[:KEY=VALUE,...]',
        help='data sets to test on instead of those of the config')
    parser.add_argument(
        '--out', type=output_file,
        help='JSON file for the results and all that is needed to '
        'compare and repeat them; default: results.json in the work dir')
    parser.add_argument(
        '--save-features',
        type=output_file,
        metavar='FILE.npz',
        help='keep the embeddings, so that the result can be checked again')
    parser.add_argument(
        '--camera-profiles',
        nargs='+',
        metavar='FILE.npz',
        help='also score embeddings standardised per camera: by files of '
        "tools/gallery/camera_profiles.py, one for each domain, or 'tested': "
        'by the tested images, without their labels')
    parser.add_argument(
        '--batch-norm',
        action='store_true',
        help='with --camera-profiles tested: embed with batch-norm '
        'statistics of the tested images of each domain. Files have their '
        'own')
    parser.add_argument(
        '--from-features',
        metavar='FILE.npz',
        help='check a result file again with saved embeddings, without '
        'config, checkpoint and images')
    parser.add_argument(
        '--results', help='with --from-features: the result file; default: '
        'results.json beside the embeddings')
    parser.add_argument(
        '--checkpoint-rule',
        choices=SELECTION_RULES,
        help='how the checkpoint was chosen, where its name and content do '
        'not tell')
    parser.add_argument(
        '--show-dir', type=output_folder,
        help='folder for pictures of rank lists')
    parser.add_argument(
        '--topk', type=int, default=10, help='images per rank list')
    parser.add_argument('--work-dir', help='folder of the logs')
    parser.add_argument(
        '--skip-doctor', action='store_true',
        help='do not look at the labels of the data sets first')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='override settings of the config: key=value, with dots between '
        'the levels, e.g. test_dataloader.batch_size=64')
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    args = parser.parse_args(arguments)
    if args.from_features:
        if args.config:
            parser.error('--from-features takes the settings from the result '
                         'file: give no config and no checkpoint')
        return args
    if args.results:
        parser.error('--results is for --from-features')
    if not args.checkpoint:
        parser.error('name a config and a checkpoint, or --from-features')
    for name in (args.config, args.checkpoint):
        if name != 'none' and not os.path.isfile(name):
            parser.error(f'there is no file {name}')
    if args.batch_norm and args.camera_profiles != ['tested']:
        parser.error('--batch-norm is for --camera-profiles tested; files '
                     'have their own statistics')
    if args.batch_norm and exported(args):
        parser.error(f'--batch-norm: {args.checkpoint} is exported, its '
                     'statistics are fixed')
    if args.checkpoint == 'none' and args.camera_profiles not in (
            None, ['tested']):
        parser.error('files of camera profiles belong to a checkpoint: give '
                     'it, or --camera-profiles tested')
    if args.topk < 1:
        parser.error(f'--topk must be above 0, got {args.topk}')
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Merge the command line into the config.

    Raises:
        ValueError: ``--domains`` with a config that does not test on a
            :class:`RetrievalDataset`, or the start of a config that resumes.
    """
    # Imported here: --help must not wait for torch.
    from mmreidmix.config_file import read_config
    cfg = read_config(args.config, args.cfg_options)
    if cfg.pop('resume', False) and args.checkpoint == 'none' and (
            cfg.get('load_from')):
        raise ValueError(
            f'{args.config} resumes {cfg.load_from}, which is not the start '
            'of the training: give the config that the training began with')
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif not cfg.get('work_dir'):
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    if args.checkpoint != 'none' and not exported(args):
        cfg.load_from = args.checkpoint
    if not cfg.get('test_dataloader') or 'domains' not in (
            cfg.test_dataloader.dataset):
        raise ValueError(
            f'{args.config}: test_dataloader.dataset must be a '
            'RetrievalDataset with `domains`')
    if args.domains:
        check_domains(args.domains)
        cfg.test_dataloader.dataset.domains = args.domains
        cfg.pop('protocol', None)  # that of the config's own domains
    evaluator = cfg.test_evaluator
    first = evaluator[0] if isinstance(evaluator, list) else evaluator
    if args.save_features:
        first.save_features = str(args.save_features)
    if args.camera_profiles:
        given = args.camera_profiles
        first.camera_profiles = 'tested' if given == ['tested'] else given
    return cfg


def exported(args: argparse.Namespace) -> bool:
    """Whether the checkpoint is an exported model."""
    return Path(args.checkpoint).suffix in EXPORTED


def use_exported(args: argparse.Namespace, runner: Runner,
                 weights: CheckWeightsHook) -> None:
    """Test an exported model in place of the one the config builds."""
    from mmreidmix.apis.deploy.exported_model import ExportedModel
    runner.model = ExportedModel(args.checkpoint)
    facts = runner.model.facts
    weights.read_meta(facts, facts['checkpoint'], runner.cfg)


def use_site_statistics(args: argparse.Namespace,
                        runner: Runner) -> Optional[str]:
    """Test with the batch-norm statistics of each domain, where wanted.

    Returns:
        str, optional: where they come from: 'tested' or 'files'.

    Raises:
        ValueError: files of another model or another site, or statistics for
            an exported model.
    """
    from mmreidmix.engine.site_model import SiteStatisticsHook
    from mmreidmix.evaluation import find_metric
    if args.batch_norm:
        runner.register_hook(SiteStatisticsHook())
        return 'tested'
    metric = find_metric(runner.test_evaluator, '--camera-profiles')
    profiles = metric.profiles_of(runner.test_dataloader.dataset.names)
    for own in profiles:
        own.check_model(model_hash(args, runner))
    statistics = [own.batch_norm for own in profiles]
    if not any(statistics):
        return None
    if not all(statistics) or exported(args):
        raise ValueError(
            '--camera-profiles: files with batch-norm statistics need a '
            'checkpoint that is not exported, and all files must have them')
    runner.register_hook(SiteStatisticsHook(statistics))
    return 'files'


def model_hash(args: argparse.Namespace, runner: Runner) -> str:
    """SHA-256 of the tested weights."""
    if exported(args):
        return runner.model.encoder.description['sha256']
    from mmreidmix.apis.trained_model import weights_hash
    from mmreidmix.checkpoint_file import read_checkpoint
    from mmreidmix.models.weights import unwrap_state_dict
    return weights_hash(unwrap_state_dict(read_checkpoint(args.checkpoint)))


def test_and_draw(runner: Runner, show_dir: str, topk: int) -> dict:
    """Test, then draw rank lists from the features of this very test."""
    from mmengine.dist import is_main_process
    from mmengine.logging import print_log

    from mmreidmix.evaluation import find_metric
    from mmreidmix.visualization import draw_table
    metric = find_metric(runner.test_evaluator, '--show-dir')
    metric.keep_table = True
    results = runner.test()
    if not is_main_process():
        return results
    for file in draw_table(
            metric.table,
            show_dir,
            topk=topk,
            metric=metric.metric,
            cross_camera=metric.cross_camera):
        print_log(f'rank lists: {file}', logger='current')
    return results


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Test, print, save."""
    args = parse_args(arguments)
    from mmengine.dist import is_main_process

    from mmreidmix.compat import close_process_group, initialise_weights
    from mmreidmix.engine.build_runner import build_runner
    from mmreidmix.engine.hooks import CheckWeightsHook, DoctorHook
    from mmreidmix.engine.start import (
        describe_start,
        start_text,
        untouched,
        use_native_size,
    )
    from mmreidmix.engine.unwrap import bare_model
    from mmreidmix.results.record import describe_test, free_place, save_test
    from mmreidmix.results.rescoring import reproduce_result
    if args.from_features:
        print(reproduce_result(args.from_features, args.results))
        return
    cfg = build_config(args)
    out = args.out or free_place(cfg.work_dir, args.checkpoint)
    check_place(out)
    start = None
    if args.checkpoint == 'none':
        start = describe_start(cfg, 'test_dataloader')
        use_native_size(cfg, start)
    runner = build_runner(cfg, args.launcher)
    if not args.skip_doctor:
        runner.register_hook(DoctorHook())
    weights = CheckWeightsHook(args.checkpoint_rule)
    if start:
        initialise_weights(runner)
        runner.logger.info(start_text(start))
    elif exported(args):
        use_exported(args, runner, weights)
    else:
        runner.register_hook(weights)
    batch_norm = use_site_statistics(
        args, runner) if args.camera_profiles else None
    with untouched(bare_model(runner), start) if start else nullcontext():
        if args.show_dir:
            results = test_and_draw(runner, args.show_dir, args.topk)
        else:
            results = runner.test()
    if is_main_process():
        record = describe_test(
            runner,
            results,
            weights,
            config=args.config,
            checkpoint=args.checkpoint,
            start=start or weights.start)
        record['batch_norm'] = batch_norm
        save_test(out, record, runner.test_evaluator.metrics)
    close_process_group()


if __name__ == '__main__':
    run_main(main)
