"""Draw losses, scores and label quality of a training.

Example:
    python tools/visualization/curves.py \
        work_dirs/r18_x0_25_toysyn_toytarget --out curves.png
"""

import argparse
from pathlib import Path

from mmreidmix.command_line import output_file, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw losses, retrieval scores and label quality over '
        'epochs')
    parser.add_argument('work_dir', help='of a training, finished or not')
    parser.add_argument(
        '--out', type=output_file, required=True,
        help='picture to write: .png, .pdf or .svg')
    return parser.parse_args(arguments)


def draw(args):
    """Draw and print where the picture is."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.visualization import (
        draw_curves,
        read_scalars,
        save_picture,
    )
    figure = draw_curves(
        read_scalars(args.work_dir), Path(args.work_dir).resolve().name)
    print(f'curves: {save_picture(figure, args.out)}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'curves')


if __name__ == '__main__':
    run_main(main)
