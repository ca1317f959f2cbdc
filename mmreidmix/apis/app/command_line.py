"""Options that the tools for use of a trained model share."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmreidmix.choices import PRECISIONS
from mmreidmix.command_line import printable
from mmreidmix.times import parse_time

from . import PART
from .domain_argument import check_domains, parse_domain
from .path_parsing import NAMES, PathReader

if TYPE_CHECKING:
    from mmreidmix.apis.inferencer import ReIDInferencer

    from .gallery_filling import Address, Reader


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
            '--camera-profiles', metavar='FILE.npz', dest='profiles',
            help='standardise embeddings per camera by these profiles, made '
            'by tools/gallery/camera_profiles.py')
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


def add_feature_options(parser: argparse.ArgumentParser,
                        several: bool = False) -> None:
    """A file of features or several, and which domains of it."""
    parser.add_argument(
        'features', nargs='+' if several else None,
        help='.npz written with the option save_features of ReIDMetric')
    parser.add_argument(
        '--domains', nargs='+', help='names of domains; default: all')


def add_ranking_options(parser: argparse.ArgumentParser) -> None:
    """How the gallery is ranked."""
    parser.add_argument(
        '--metric', choices=['cosine', 'euclidean'], default='cosine')
    parser.add_argument(
        '--same-camera', action='store_true', help="keep images of the "
        "query's identity in the query's camera")


def add_images_options(parser: argparse.ArgumentParser,
                       lists: bool = False) -> None:
    """Options of :func:`images_to_embed`, with those of the paths."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument('--images', nargs='+', metavar='PLACE',
                       help='image files, or folders of them')
    if lists:
        group.add_argument('--list', metavar='FILE', help='or a text file '
                           'that names them, one a line')
    group.add_argument('--domain', type=parse_domain, metavar='DOMAIN',
                       help='or a domain: a folder of import_domain.py, or '
                       'TYPE:PATH; cameras, times and tracklets are its own')
    parser.add_argument(
        '--root', metavar='FOLDER', help='images are named by their paths '
        'below it; default: the innermost folder that holds all places. Name '
        'it when you add to a gallery, so that the names fit together')
    parser.add_argument(
        '--part', type=positive, default=PART, help='images that are '
        f'embedded at a time (default: {PART:,})')


def images_to_embed(
        args: argparse.Namespace) -> tuple[Address, list[str], Reader]:
    """Where images are, their names, and what reads their labels.

    Raises:
        FileNotFoundError, ValueError: there are no such images, or an option
            has no meaning for a domain.
    """
    from .gallery_filling import find_images
    if not args.domain:
        domains = [place for place in args.images
                   if Path(place, 'domain.json').is_file()]
        if domains:
            raise ValueError(f'{domains[0]} is a domain of import_domain.py: '
                             'name it by --domain')
        root, names = find_images(args.images, args.root)
        return root.joinpath, names, partial(path_reader(args), where=root)
    if args.root or args.pattern or args.names or args.time_format:
        raise ValueError('--domain says itself what is known of its images: '
                         'leave out --root, --pattern, --names and '
                         '--time-format')
    from .domain_images import DomainImages
    check_domains([args.domain])
    images = DomainImages(args.domain)
    known = ', '.join(f'{number} = {printable(name)}'
                      for number, name in images.cameras.items())
    print(f'{len(images.names):,} images; cameras: {known}', flush=True)
    return images.address, images.names, images


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


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Where galleries are: in folders, or in a server."""
    parser.add_argument(
        '--store', metavar='URL', help='PostgreSQL server with pgvector, '
        'postgresql://USER@HOST:PORT/DATABASE; GALLERY is a name in it then. '
        'Put the password into PGPASSWORD or ~/.pgpass. Default: GALLERY is '
        'a folder')


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`filters`: which images of a gallery."""
    group = parser.add_argument_group('which images of the gallery')
    group.add_argument('--camids', type=int, nargs='+', metavar='N',
                       help='only of these cameras')
    group.add_argument('--exclude-camids', type=int, nargs='+', metavar='N',
                       help='none of these cameras')
    group.add_argument('--tracklets', type=int, nargs='+', metavar='N',
                       help='only of these tracklets')
    group.add_argument('--after', type=time_option, metavar='TIME',
                       help='from this time on: seconds, or a date in UTC')
    group.add_argument('--before', type=time_option, metavar='TIME',
                       help='before this time')


def filters(args: argparse.Namespace) -> dict[str, Any]:
    """The filters of ``Gallery.find`` and ``Gallery.search``."""
    times = None if args.after is None and args.before is None else (
        args.after, args.before)
    return dict(camids=args.camids, exclude_camids=args.exclude_camids,
                tracklets=args.tracklets, times=times)


def time_option(text: str) -> float:
    """The argparse type of a time."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Progress:
    """Prints how many images are done, how fast, and how long it takes."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Print a line."""
        rate = done / max(time.monotonic() - self.start, 1e-9)
        print(f'{done:,} of {total:,} images, {rate:.0f} a second, '
              f'{(total - done) / max(rate, 1e-9):.0f} s left', flush=True)


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
