"""Write a toy data set in the on-disk layout of a public one.

Example::

    python tools/dataset_converters/make_toy_data.py data/market1501 \
        --layout market1501 --style real_a --ids 100 --test-ids 50
"""

import argparse
import sys

from mmreidmix.command_line import run_main
from mmreidmix.toy import LAYOUTS, STYLES, generate


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'root', help='folder that gets the official top folder')
    parser.add_argument('--layout', required=True, choices=list(LAYOUTS))
    parser.add_argument('--style', required=True, choices=list(STYLES))
    parser.add_argument(
        '--ids', type=int, default=100, help='training identities')
    parser.add_argument(
        '--test-ids', type=int, help='test identities; default: half of --ids')
    parser.add_argument(
        '--images-per-camera',
        type=int,
        help='per identity and camera (tracklets: frames; videos: per '
        'person); default: by layout')
    parser.add_argument(
        '--cameras',
        type=int,
        help='cameras (tracklets, videos: videos); default: as in the public '
        'set')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(128, 64),
        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--workers', type=int, help='processes; default: one per core')
    parser.add_argument(
        '--distractors',
        type=int,
        default=0,
        help='gallery images of pid 0000 (market1501)')
    parser.add_argument(
        '--junk',
        type=int,
        default=0,
        help='gallery images of pid -1 (market1501)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace toy data made with other settings')
    return parser.parse_args(args)


def main(args=None) -> int:
    """Generate and report; returns the exit status."""
    args = parse_args(args)
    try:
        report = generate(
            args.root,
            args.layout,
            args.style,
            num_ids=args.ids,
            num_test_ids=args.test_ids,
            images_per_camera=args.images_per_camera,
            num_cameras=args.cameras,
            size=tuple(args.size),
            seed=args.seed,
            workers=args.workers,
            overwrite=args.overwrite,
            distractors=args.distractors,
            junk=args.junk)
    except (ValueError, FileExistsError) as error:
        print(f'make_toy_data: {error}', file=sys.stderr)
        return 2
    if not report.written:
        print(f'{args.root}: {report.images} images already there, '
              'nothing to do')
        return 0
    rate = report.images / max(report.seconds, 1e-9)
    print(f'{args.root}: {report.images} images in {report.seconds:.1f} s '
          f'({rate:.0f} images/s)')
    return 0


if __name__ == '__main__':
    run_main(main)
