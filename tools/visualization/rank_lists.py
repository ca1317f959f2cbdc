"""Draw rank lists from saved features.

Example:
    python tools/visualization/rank_lists.py work_dirs/test/features.npz \
        --out work_dirs/test/rank_lists --num 20 --topk 10
"""

import argparse

from mmreidmix.apis.app.command_line import (
    add_feature_options,
    add_ranking_options,
    positive,
)
from mmreidmix.command_line import output_folder, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw each query beside the first images of its list, '
        'one PNG per domain')
    parser.add_argument('--out', type=output_folder, required=True,
                        help='folder of the pictures')
    parser.add_argument(
        '--topk', type=positive, default=10, help='images per list')
    parser.add_argument(
        '--num', type=positive, default=20, help='queries per domain')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the sample of queries')
    add_feature_options(parser)
    parser.add_argument(
        '--images', default='', metavar='FOLDER', help='folder that relative '
        'image paths start from')
    add_ranking_options(parser)
    return parser.parse_args(arguments)


def draw(args):
    """Draw and print where the pictures are."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.evaluation import FeatureTable
    from mmreidmix.visualization import draw_table
    files = draw_table(
        FeatureTable.load(args.features),
        args.out,
        args.domains,
        topk=args.topk,
        num=args.num,
        seed=args.seed,
        metric=args.metric,
        cross_camera=not args.same_camera,
        root=args.images)
    for file in files:
        print(f'rank lists: {file}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'rank_lists')


if __name__ == '__main__':
    run_main(main)
