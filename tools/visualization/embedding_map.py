"""Draw saved features as a map, by identity, camera and domain.

Example:
    python tools/visualization/embedding_map.py work_dirs/test/features.npz \
        --out work_dirs/test/embedding_map.png
"""

import argparse

from mmreidmix.apis.app.command_line import add_feature_options
from mmreidmix.choices import MAP_METHODS
from mmreidmix.command_line import output_file, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw the images of a sample of query people as points of '
        'a plane')
    parser.add_argument(
        '--out', type=output_file, required=True,
        help='picture to write: .png, .pdf or .svg')
    parser.add_argument(
        '--method', choices=MAP_METHODS, default='tsne', help='umap needs the '
        'package umap-learn')
    parser.add_argument(
        '--max-points', type=int, default=1000, help='images')
    parser.add_argument(
        '--identities', type=int, default=20, help='people with a colour')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the sample of people and of '
        'the map')
    add_feature_options(parser)
    return parser.parse_args(arguments)


def draw(args):
    """Draw and print where the picture is."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.evaluation import FeatureTable
    from mmreidmix.visualization import save_picture, table_embedding_map
    figure = table_embedding_map(
        FeatureTable.load(args.features),
        args.domains,
        method=args.method,
        max_points=args.max_points,
        identities=args.identities,
        seed=args.seed)
    print(f'embedding map: {save_picture(figure, args.out)}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'embedding_map')


if __name__ == '__main__':
    run_main(main)
