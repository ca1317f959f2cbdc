"""Draw which cameras saved features mix up.

Example:
    python tools/visualization/camera_confusion.py \
        work_dirs/test/features.npz --out work_dirs/test/cameras
"""

import argparse
from pathlib import Path

from mmreidmix.apis.app.command_line import (
    add_feature_options,
    add_ranking_options,
)
from mmreidmix.command_line import output_folder, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw wrong first images and mAP by camera of query and '
        'gallery, one PNG per domain')
    parser.add_argument('--out', type=output_folder, required=True,
                        help='folder of the pictures')
    add_feature_options(parser)
    add_ranking_options(parser)
    return parser.parse_args(arguments)


def draw(args):
    """Draw and print where the pictures are."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.evaluation import FeatureTable
    from mmreidmix.visualization import (
        camera_confusion,
        draw_camera_confusion,
        file_name,
        save_picture,
    )
    table = FeatureTable.load(args.features)
    for name in args.domains or table.domains.tolist():
        confusion = camera_confusion(
            table,
            name,
            metric=args.metric,
            cross_camera=not args.same_camera)
        file = save_picture(
            draw_camera_confusion(confusion, name),
            Path(args.out, file_name(name) + '.png'))
        print(f'camera confusion: {file}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'camera_confusion')


if __name__ == '__main__':
    run_main(main)
