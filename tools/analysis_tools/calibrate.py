"""Find the cosine threshold of a wanted false-match rate on held-out people.

    python tools/analysis_tools/calibrate.py CONFIG CHECKPOINT \
        --fmr 1e-3 1e-4 --out calibrated.pth

embeds a labelled validation domain of the config and writes thresholds, their
intervals, the domain and its counts into the checkpoint, under
``checkpoint['meta']['thresholds']``. A threshold holds for cameras like those
of that domain.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmreidmix.command_line import CfgOptions, output_file, run_main, run_tool
from mmreidmix.files import check_place, replace_file
from mmreidmix.results.provenance import describe_domains

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmreidmix.engine.hooks.check_weights_hook import CheckWeightsHook
    from mmreidmix.evaluation import FeatureTable


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--fmr', nargs='+', type=float, default=[1e-3, 1e-4],
        help='wanted false-match rates (default: 1e-3 1e-4)')
    parser.add_argument(
        '--domain', help='name of the validation domain to use, where the '
        'config has several; none of its people may have been trained on')
    parser.add_argument(
        '--out', type=output_file,
        help='checkpoint to write; default: CHECKPOINT itself')
    parser.add_argument(
        '--resamples', type=int, default=1000,
        help='draws of people for the intervals (default: 1000)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the draws (default: 0)')
    parser.add_argument('--work-dir', help='folder of the logs')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CfgOptions,
        help='override settings of the config: key=value')
    args = parser.parse_args(arguments)
    for name in (args.config, args.checkpoint):
        if not os.path.isfile(name):
            parser.error(f'there is no file {name}')
    return args


def build_config(args) -> Config:
    """The config, testing on the chosen validation domain alone.

    Raises:
        ValueError: there is no validation domain, or not the named one.
    """
    # Imported here: --help must not wait for torch.
    from mmreidmix.config_file import read_config
    cfg = read_config(args.config, args.cfg_options)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(
        Path('work_dirs', Path(args.config).stem))
    cfg.pop('resume', None)
    cfg.load_from = args.checkpoint
    loader = cfg.get('val_dataloader')
    if not loader or 'domains' not in loader.dataset:
        raise ValueError(f'{args.config}: val_dataloader.dataset must be a '
                         'RetrievalDataset with `domains`')
    cfg.test_dataloader = loader
    cfg.test_dataloader.dataset.domains = [
        choose_domain(loader.dataset.domains, args.domain)
    ]
    cfg.test_evaluator = dict(type='VerificationMetric')
    cfg.test_cfg = dict()
    return cfg


def choose_domain(domains: list, wanted):
    """The config of the domain of this name; None takes the only one."""
    from mmreidmix.registry import DATASETS
    names = [
        DATASETS.build(dict(domain, subset='query')).name
        for domain in domains
    ]
    if wanted is None and len(domains) == 1:
        return domains[0]
    if wanted not in names:
        raise ValueError(f'--domain is {wanted!r}, expected one of the '
                         f'validation domains {names}')
    return domains[names.index(wanted)]


def embed(runner) -> FeatureTable:
    """Features of the domain; the verification scores are logged."""
    metric, = runner.test_evaluator.metrics
    metric.keep_table = True
    runner.test()
    return metric.table


def find_thresholds(args, runner, weights: CheckWeightsHook) -> dict:
    """Thresholds with what they were found on, as plain values."""
    from mmreidmix.evaluation.functional.calibration import calibrate
    table = embed(runner)
    cfg = runner.cfg.to_dict()
    domain, = describe_domains(
        runner.test_dataloader.dataset, cfg, training=weights.training)
    thresholds, pairs = calibrate(
        table.query_gallery(domain['name']),
        args.fmr,
        resamples=args.resamples,
        seed=args.seed)
    return {
        'similarity': 'cosine',
        'thresholds': [asdict(threshold) for threshold in thresholds],
        'confidence': 0.95,
        'resamples': args.resamples,
        'seed': args.seed,
        'domain': domain['name'],
        'sha256': domain['sha256'],
        'split': domain['split'],
        'seen_in_training': domain['seen_in_training'],
        'people': len(set(table.pids[table.pids >= 0].tolist())),
        'cameras': len(set(table.camids.tolist())),
        'query_images': domain['query']['images'],
        'gallery_images': domain['gallery']['images'],
        'genuine_pairs': pairs.genuine_pairs,
        'impostor_pairs': pairs.impostor_pairs,
        'checkpoint_rule': weights.rule,
        'config': args.config,
    }


def store(found: dict, checkpoint: str, out: str) -> None:
    """Write the checkpoint with the thresholds; all of it or nothing."""
    import torch

    from mmreidmix.checkpoint_file import read_checkpoint
    from mmreidmix.models.weights import unwrap_state_dict
    content = read_checkpoint(checkpoint)
    if 'state_dict' not in content:
        content = {'state_dict': unwrap_state_dict(content)}
    content['meta'] = {**(content.get('meta') or {}), 'thresholds': found}
    replace_file(out, lambda stream: torch.save(content, stream))


def report(found: dict) -> str:
    """What was found, on what."""
    lines = [
        f'{found["domain"]} ({found["split"]}; this data set in training: '
        f'{found["seen_in_training"]}): {found["people"]:,} people, '
        f'{found["cameras"]} cameras, {found["impostor_pairs"]:,} impostor '
        f'and {found["genuine_pairs"]:,} genuine pairs of different cameras'
    ]
    for row in found['thresholds']:
        line = (f'false-match rate {row["fmr"]:g}: cosine '
                f'{row["threshold"]:.4f} (95 % interval {row["low"]:.4f} to '
                f'{row["high"]:.4f}), accepts {100 * row["tpr"]:.2f} % of the '
                'genuine pairs')
        if not row['supported']:
            line += '; too few impostor pairs to rely on it'
        lines.append(line)
    return '\n'.join(lines)


def write_thresholds(args):
    """Embed, calibrate, write."""
    from mmreidmix.engine.build_runner import build_runner
    from mmreidmix.engine.hooks.check_weights_hook import CheckWeightsHook
    out = args.out or args.checkpoint
    check_place(out)
    runner = build_runner(build_config(args))
    weights = CheckWeightsHook()
    runner.register_hook(weights)
    found = find_thresholds(args, runner, weights)
    store(found, args.checkpoint, out)
    print(report(found))
    print(f'thresholds are in {out}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(write_thresholds, parse_args(arguments), 'calibrate')


if __name__ == '__main__':
    run_main(main)
