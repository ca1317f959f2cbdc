"""Adapt a trained network to one's own cameras.

WEIGHTS is what to start from, a file of tools/model_converters. Each DOMAIN is
a folder that import_domain.py wrote, or TYPE:PATH of a data set. A domain with
known people is trained on with its labels, others without. Those that have a
query and a gallery are tested before and after. Example::

    python tools/adapt.py data/weights/osnet_x0_25_msmt17.pth \
        data/video data/photos

At the end: start -> end for each tested domain, pictures of the clusters, and
the adapted model in the work dir.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
from mmreidmix.command_line import CfgOptions, run_main

if TYPE_CHECKING:
    from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'mixture'


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('weights', help='checkpoint to start from')
    parser.add_argument('domains', nargs='+', type=parse_domain,
                        metavar='DOMAIN')
    parser.add_argument(
        '--unlabelled', nargs='+', default=(), type=parse_domain,
        metavar='DOMAIN',
        help='those of DOMAIN whose labels are not to be used')
    parser.add_argument(
        '--config', help='recipe for another network; default: own_data.py, '
        'or own_data_labelled.py with labels, both for OSNet x0.25')
    parser.add_argument(
        '--work-dir', default='work_dirs/adapt',
        help='folder for logs, pictures and checkpoints; default: '
        'work_dirs/adapt')
    parser.add_argument(
        '--resume', action='store_true',
        help='go on with an interrupted run of the same command')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CfgOptions,
        help='changes to the config, as key=value with dotted keys')
    return parser.parse_args(argv)


def describe(cfg: dict) -> dict:
    """Name of a domain, and which subsets it can give.

    Args:
        cfg (dict): config of the data set.

    Returns:
        dict: 'cfg'; 'name'; 'labelled', whether people are known in its
        images for training; 'trained' and 'tested'.
    """
    from mmreidmix.doctor import parts_of_domain
    parts = {part.dataset.subset: part.dataset
             for part in parts_of_domain(cfg)}
    return dict(
        cfg=cfg,
        name=next(iter(parts.values())).name,
        labelled='train' in parts and parts['train'].num_pids > 0,
        trained='train' in parts,
        tested='query' in parts and 'gallery' in parts)


def build_config(args) -> Config:
    """The recipe with weights and domains filled in."""
    from mmreidmix.config_file import read_config
    check_domains(args.domains)
    unknown = [d for d in args.unlabelled if d not in args.domains]
    if unknown:
        raise ValueError(f"--unlabelled: {unknown[0]['data_root']!r} is none "
                         'of the domains')
    domains = list(map(describe, args.domains))
    for domain in domains:
        domain['labelled'] &= domain['cfg'] not in args.unlabelled
    trained = [d for d in domains if d['trained']]
    if not trained:
        raise ValueError('none of the domains has images for training: '
                         'import one with --split none')
    labelled = any(d['labelled'] for d in trained)
    recipe = 'own_data_labelled.py' if labelled else 'own_data.py'
    cfg = read_config(args.config or CONFIGS / recipe, args.cfg_options)
    fill_in(cfg, args.weights, trained, [
        d['cfg'] for d in domains if d['tested']])
    cfg.work_dir = args.work_dir
    if args.resume:
        cfg.resume = 'auto'
    return cfg


def fill_in(cfg: Config, weights: str, trained: list[dict],
            tested: list[dict]) -> None:
    """Put the weights and the domains into a recipe."""
    cfg.model.init_cfg.checkpoint = weights
    loader = cfg.train_dataloader
    loader.dataset.domains = [
        dict(d['cfg'], role='labelled' if d['labelled'] else 'unlabelled')
        for d in trained]
    loader.batch_sampler.setdefault('quotas', quotas(
        [d['name'] for d in trained],
        loader.batch_size // loader.batch_sampler.num_instances))
    # Its transforms are those of the label stage and of the adapted model.
    cfg.test_dataloader.dataset.domains = tested
    if tested:
        cfg.val_dataloader.dataset.domains = tested
        return
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg.pop(key)
    cfg.train_cfg.pop('val_interval')


def quotas(names: list[str], identities: int) -> dict[str, int]:
    """Identities of a batch by domain, as equal as can be."""
    if len(names) > identities:
        raise ValueError(f'{len(names)} domains, but a batch has {identities} '
                         'people: import several of them as one')
    return {name: identities // len(names) + (i < identities % len(names))
            for i, name in enumerate(names)}


def check_work_dir(args) -> None:
    """Raise FileExistsError where a run would write over another one."""
    if not args.resume and Path(args.work_dir, 'last_checkpoint').exists():
        raise FileExistsError(
            f'{args.work_dir} holds a run already: --resume goes on with it, '
            'or name another --work-dir')


def draw_clusters(runner, folder: Path) -> None:
    """A sheet of clusters for each domain without labels."""
    from mmreidmix.visualization import (
        domain_cluster_sheet,
        file_name,
        save_picture,
    )
    mixture = runner.train_dataloader.dataset
    table = mixture.label_table
    for domain in table.unlabelled:
        name = mixture.names[domain]
        if (table.labels[table.span(domain)] >= 0).any():
            file = folder / f'clusters_{file_name(name)}.png'
            sheet = domain_cluster_sheet(mixture, domain)
            print(f'clusters of {name}: {save_picture(sheet, file)}')
        else:
            print(f'{name}: no clusters, so nothing was learned from it')


def main(argv=None) -> None:
    """Adapt and say what became of it."""
    args = parse_args(argv)
    check_work_dir(args)
    from mmengine.registry import init_default_scope

    import mmreidmix.engine  # noqa: F401
    from mmreidmix.engine.train import train
    init_default_scope('mmreidmix')
    runner = train(build_config(args))
    draw_clusters(runner, Path(args.work_dir))
    config = Path(args.work_dir, Path(runner.cfg.filename).name)
    model = Path(args.work_dir, 'last_checkpoint').read_text().strip()
    print(f'adapted model: {model}\nto test it: python tools/test.py {config} '
          f'{model} --domains DOMAIN')


if __name__ == '__main__':
    run_main(main)
