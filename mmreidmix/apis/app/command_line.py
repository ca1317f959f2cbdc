"""Options that the tools for use of a trained model share."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mmreidmix.choices import PRECISIONS
from mmreidmix.command_line import printable

from .path_parsing import NAMES, PathReader

if TYPE_CHECKING:
    from mmreidmix.apis.inferencer import ReIDInferencer


def positive(text: str) -> int:
    """Parse an integer above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'{value} is not above 0')
    return value


def add_model_options(parser: argparse.ArgumentParser,
                      profiles: bool = True) -> None:
    """Options of :func:`open_model`, except the model itself."""
    group = parser.add_argument_group('model')
    group.add_argument('--weights', help='checkpoint, if MODEL is a config')
    group.add_argument('--device', help='cpu, cuda, cuda:1; default: a GPU '
                       'where there is one')
    if profiles:
        group.add_argument(
            '--profiles', metavar='FILE.npz', help='standardise embeddings '
            'per camera by these profiles, made by '
            'tools/gallery/camera_profiles.py')
    group.add_argument('--batch-size', type=positive, default=64,
                       help='images per forward pass (default: 64)')
    group.add_argument('--precision', choices=PRECISIONS, default='auto',
                       help='number format; default: bf16 where that is '
                       'faster, else fp32')


def open_model(args: argparse.Namespace) -> ReIDInferencer:
    """The model of the command line."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.inferencer import ReIDInferencer
    amp = None if args.precision == 'auto' else args.precision == 'bf16'
    return ReIDInferencer(args.model, args.weights, args.device,
                          batch_size=args.batch_size, amp=amp,
                          profiles=args.profiles)


def add_feature_options(parser: argparse.ArgumentParser) -> None:
    """A file of features, and which domains of it."""
    parser.add_argument(
        'features',
        help='.npz written with the option save_features of ReIDMetric')
    parser.add_argument(
        '--domain', action='append', help='name of a domain; may be given '
        'several times; default: all')


def add_ranking_options(parser: argparse.ArgumentParser) -> None:
    """How the gallery is ranked."""
    parser.add_argument(
        '--metric', choices=['cosine', 'euclidean'], default='cosine')
    parser.add_argument(
        '--same-camera', action='store_true', help="keep images of the "
        "query's identity in the query's camera")


def add_path_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`path_reader`."""
    group = parser.add_argument_group('what the paths of images say')
    pattern = group.add_mutually_exclusive_group()
    pattern.add_argument(
        '--pattern', metavar='REGEX', help='regular expression for the whole '
        'path below the root, with the named groups camid, time, tracklet '
        'and pid, or some of them')
    pattern.add_argument(
        '--names', choices=list(NAMES), help='a naming that is known')
    group.add_argument(
        '--time-format', help="of the group time, as '%%Y%%m%%d_%%H%%M%%S' "
        '(UTC); default: a number of seconds')


def path_reader(args: argparse.Namespace) -> PathReader:
    """What reads the paths."""
    return PathReader(args.pattern or args.names, args.time_format)


def report_damaged(damaged: list[str], limit: int = 10) -> None:
    """Name images that are left out on the standard error output."""
    if not damaged:
        return
    print(f'{len(damaged):,} damaged images are left out:', file=sys.stderr)
    for reason in damaged[:limit]:
        print(f'  {printable(reason)}', file=sys.stderr)
    if len(damaged) > limit:
        print(f'  and {len(damaged) - limit:,} more', file=sys.stderr)
