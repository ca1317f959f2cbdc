"""Draw the clusters that a checkpoint holds, one sheet per unlabelled domain.

Example:
    python tools/visualization/cluster_sheet.py \
        configs/daam/r18_x0_25_toysyn_toytarget.py \
        work_dirs/r18_x0_25_toysyn_toytarget/epoch_8.pth --out clusters
"""

import argparse
from pathlib import Path

from mmreidmix.command_line import (
    CfgOptions,
    output_folder,
    run_main,
    run_tool,
)


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw images of some clusters of each unlabelled domain: '
        'the largest, the most impure, random ones, and images without one')
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='checkpoint file of the training')
    parser.add_argument('--out', type=output_folder, required=True,
                        help='folder of the pictures')
    parser.add_argument(
        '--num', type=int, default=4, help='clusters of each kind')
    parser.add_argument(
        '--columns', type=int, default=12, help='images of a cluster')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the sample of clusters and '
        'images')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='override settings of the config: key=value')
    return parser.parse_args(arguments)


def load_mixture(args):
    """The training images, with the labels of the last clustering.

    Raises:
        ValueError: the checkpoint holds no labels, or there is no unlabelled
            domain.
    """
    # Imported here: --help must not wait for torch.
    from mmengine.registry import init_default_scope

    from mmreidmix.checkpoint_file import read_checkpoint
    from mmreidmix.config_file import read_config
    from mmreidmix.registry import DATASETS
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope('mmreidmix')
    checkpoint = read_checkpoint(args.checkpoint)
    if 'label_table' not in checkpoint:
        raise ValueError(
            f'{args.checkpoint} holds no label table: expected a checkpoint '
            'that a training of this toolbox has written, not weights alone')
    mixture = DATASETS.build(
        dict(cfg.train_dataloader.dataset, pipeline=[]))
    if not mixture.label_table.unlabelled:
        raise ValueError(f'{args.config} trains on no unlabelled domain: '
                         'there are no clusters')
    mixture.label_table.load_state_dict(checkpoint['label_table'])
    return mixture


def draw(args):
    """Draw and print where the pictures are."""
    from mmreidmix.visualization import (
        domain_cluster_sheet,
        file_name,
        save_picture,
    )
    mixture = load_mixture(args)
    for domain in mixture.label_table.unlabelled:
        sheet = domain_cluster_sheet(
            mixture, domain, num=args.num, images=args.columns, seed=args.seed)
        name = file_name(mixture.names[domain]) + '.png'
        print(f'clusters: {save_picture(sheet, Path(args.out, name))}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'cluster_sheet')


if __name__ == '__main__':
    run_main(main)
