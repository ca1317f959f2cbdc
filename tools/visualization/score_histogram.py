"""Draw cosines of the same person and of different people.

Example:
    python tools/visualization/score_histogram.py \
        work_dirs/start/features.npz work_dirs/adapted/features.npz \
        --out work_dirs/scores.png
"""

import argparse

from mmreidmix.apis.app.command_line import add_feature_options
from mmreidmix.choices import SHARE_BINS
from mmreidmix.command_line import output_file, printable, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw histograms of the cosines of genuine and impostor '
        'pairs, a row per file, and print numbers, means and overlap')
    parser.add_argument(
        '--out', type=output_file, required=True,
        help='picture to write: .png, .pdf or .svg')
    parser.add_argument(
        '--bins', type=int, choices=SHARE_BINS, default=128,
        help='from the cosine -1 to 1 (default: 128)')
    parser.add_argument(
        '--same-camera', action='store_true',
        help='count pairs of one camera, too')
    add_feature_options(parser, several=True)
    return parser.parse_args(arguments)


def draw(args):
    """Draw, print the numbers and where the picture is."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.visualization import (
        describe_pairs,
        draw_score_histograms,
        read_pair_histograms,
        save_picture,
    )
    histograms = read_pair_histograms(
        args.features, args.domains, cross_camera=not args.same_camera)
    for name, own in histograms.items():
        for domain, pairs in own.items():
            print(f'{printable(name)}, {printable(domain)}: '
                  f'{describe_pairs(pairs, args.bins)}')
    figure = draw_score_histograms(histograms, args.bins)
    print(f'score histograms: {save_picture(figure, args.out)}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'score_histogram')


if __name__ == '__main__':
    run_main(main)
