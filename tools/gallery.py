"""Look after a gallery: what it holds, what is added and what is deleted.

    python tools/gallery.py info GALLERY
    python tools/gallery.py list GALLERY --camids 3 --format csv
    python tools/gallery.py add GALLERY --model MODEL --images data/station
    python tools/gallery.py remove GALLERY --images cam3/0012.jpg --compact
    python tools/gallery.py compact GALLERY

GALLERY is a folder; with --store URL, a name in a PostgreSQL server.
A deletion is remove, then compact: only then nothing of an image is left in
the folder of the gallery. Image files are not touched. The exit status is 0
when it is done, 1 when no image was found, 2 for wrong use or wrong input.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from mmreidmix.apis.app.command_line import (
    Progress,
    add_filter_options,
    add_images_options,
    add_model_options,
    add_path_options,
    add_store_option,
    filters,
    images_to_embed,
    open_model,
    report_damaged,
)
from mmreidmix.apis.app.path_parsing import time_text
from mmreidmix.checks import name_some
from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import (
    output_file,
    output_folder,
    printable,
    run_main,
    run_tool,
)
from mmreidmix.files import replace_file

if TYPE_CHECKING:
    import numpy as np

    from mmreidmix.apis.gallery import BaseGallery

COLUMNS = ('id', 'camid', 'time', 'tracklet', 'name')
#: What a filter needs to know of an image: option, field, word.
NEEDED = (('camids', 'camid', 'camera'), ('times', 'time', 'time'),
          ('tracklets', 'tracklet', 'tracklet'))


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(
        title='commands', metavar='COMMAND', required=True)
    for work, text, add_options in (
            (info, 'what a gallery holds, in numbers', add_info_options),
            (list_images, 'its images, one a line', add_list_options),
            (add, 'embed images into it; it is made where it is missing',
             add_add_options),
            (remove, 'remove images: they are found no more',
             add_remove_options),
            (compact, 'forget removed images for good', None)):
        command = commands.add_parser(
            work.__name__.removesuffix('_images'), help=text,
            description=f'{text[:1].upper()}{text[1:]}.')
        command.set_defaults(work=work, parser=command)
        command.add_argument('gallery', help='folder of the gallery')
        add_store_option(command)
        if add_options:
            add_options(command)
    args = parser.parse_args(arguments)
    if args.store is None:
        args.gallery = folder_of(args)
    if args.work is remove and not any(
            value is not None for value in chosen(args).values()):
        args.parser.error("say which images: --images '*' for all, or "
                          '--camids, --tracklets, --before, ...')
    return args


def folder_of(args: argparse.Namespace) -> Path:
    """The folder of the gallery, tried before the work."""
    try:
        return (output_folder if args.work is add else Path)(args.gallery)
    except argparse.ArgumentTypeError as error:
        args.parser.error(f'argument gallery: {error}')


def add_info_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`info`."""
    parser.add_argument('--format', choices=['text', 'json'], default='text')


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`list_images`."""
    parser.add_argument('--format', choices=['table', 'csv', 'json'],
                        default='table')
    parser.add_argument('--out', type=output_file, metavar='FILE',
                        help='file to write; default: the terminal')
    add_choice_options(parser)


def add_remove_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`remove`."""
    parser.add_argument('--dry-run', action='store_true', help='remove '
                        'nothing: say how many images would go')
    parser.add_argument('--compact', action='store_true',
                        help='forget them for good at once')
    add_choice_options(parser)


def add_add_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`add`."""
    parser.add_argument('--model', required=True, help=MODEL_HELP)
    add_images_options(parser)
    add_path_options(parser)
    add_model_options(parser)


def add_choice_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`chosen`."""
    parser.add_argument(
        '--images', nargs='+', metavar='NAME', help='images by their names in '
        'the gallery; a folder stands for all below it; * stands for any '
        'letters, ? for one')
    add_filter_options(parser)


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the images, for ``Gallery.find``."""
    return dict(names=args.images, **filters(args))


def open_gallery(args: argparse.Namespace,
                 read_only: bool = False) -> BaseGallery:
    """The gallery of the command line."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import open_gallery
    return open_gallery(args.gallery, store=args.store, read_only=read_only)


def find(gallery: BaseGallery, args: argparse.Namespace) -> np.ndarray:
    """Ids of the chosen images; none where a name of them is unknown."""
    unknown = [name for name in args.images or ()
               if not len(gallery.find([name]))]
    if unknown:
        print(f'gallery: no image of {args.gallery} is called '
              f'{name_some(map(printable, unknown))}: python '
              f'tools/gallery.py list {args.gallery} shows the names',
              file=sys.stderr)
        return gallery.ids[:0]
    ids = gallery.find(**chosen(args))
    if not len(ids):
        print(f'gallery: no image of {args.gallery} passes the filters',
              file=sys.stderr)
    return ids


def info(args: argparse.Namespace) -> None:
    """Print what a gallery holds."""
    gallery = open_gallery(args, read_only=True)
    facts = facts_of(gallery)
    if args.format == 'json':
        print(json.dumps(facts, indent=1))
        return
    facts['cameras'] = counts_text(facts['cameras'])
    times = facts.pop('times')
    facts['times'] = ' to '.join(map(time_text, times)) if times else '-'
    if facts['removed'] is None:
        facts['removed'] = 'not counted by the server'
    elif facts['removed']:
        facts['removed'] = f'{facts["removed"]:,}, in the file until compact'
    facts['on_disk'] = size_text(facts.pop('bytes'))
    for name, value in facts.items():
        text = f'{value:,}' if isinstance(value, int) else printable(value)
        print(f'{name.replace("_", " "):<18}{text}')


def facts_of(gallery: BaseGallery) -> dict[str, Any]:
    """What :func:`info` tells, as plain values."""
    entries = gallery.entries(gallery.ids)
    cameras = Counter(entry.camid for entry in entries)
    unknown = cameras.pop(None, 0)
    times = [entry.time for entry in entries if entry.time is not None]
    return dict(
        gallery=gallery.place, images=len(entries),
        removed=gallery.num_removed, dimensions=gallery.dim,
        model=gallery.model or 'not known',
        cameras={str(camid): cameras[camid] for camid in sorted(cameras)},
        without_camera=unknown,
        tracklets=len({entry.tracklet for entry in entries} - {None}),
        times=[min(times), max(times)] if times else None,
        without_time=len(entries) - len(times),
        bytes=gallery.disk_size())


def counts_text(cameras: dict[str, int]) -> str:
    """Images of each camera, in words."""
    return ', '.join(f'{camera}: {count:,}'
                     for camera, count in cameras.items()) or '-'


def size_text(size: int) -> str:
    """A number of bytes, for people."""
    return f'{size / 2**20:,.1f} MiB'


def list_images(args: argparse.Namespace) -> int:
    """Print or write the chosen images."""
    gallery = open_gallery(args, read_only=True)
    ids = find(gallery, args)
    text = FORMATS[args.format]([
        {name: getattr(entry, name) for name in COLUMNS}
        for entry in gallery.entries(ids)])
    if args.out:
        replace_file(args.out, lambda stream: stream.write(text.encode()))
        print(f'{len(ids):,} images: {args.out}')
    else:
        show(text)
    return 0 if len(ids) else 1


def show(text: str) -> None:
    """Print; a reader who has enough, such as ``head``, is no error."""
    try:
        print(text, end='', flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_table(rows: list[dict]) -> str:
    """Rows for the terminal."""
    cells = [COLUMNS, *(texts(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ''.join('  '.join(
        map(str.rjust, line[:-1], widths)) + f'  {printable(line[-1])}\n'
        for line in cells)


def as_csv(rows: list[dict]) -> str:
    """Rows for a spreadsheet."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerows([COLUMNS, *(texts(row, '') for row in rows)])
    return stream.getvalue()


def as_json(rows: list[dict]) -> str:
    """Rows for a program: times in seconds, null = not known."""
    return json.dumps(rows, indent=1) + '\n'


FORMATS: dict[str, Callable[[list[dict]], str]] = dict(
    table=as_table, csv=as_csv, json=as_json)


def texts(row: dict, unknown: str = '-') -> list[str]:
    """A row as texts, in the order of the columns."""
    row = dict(row, time=None if row['time'] is None else (
        time_text(row['time'])))
    return [unknown if row[name] is None else str(row[name])
            for name in COLUMNS]


def add(args: argparse.Namespace) -> None:
    """Embed images; those that are there already are left out."""
    from mmreidmix.apis.app.gallery_filling import extract_to_gallery
    address, names, reader = images_to_embed(args)
    inferencer = open_model(args)
    result = extract_to_gallery(
        inferencer, address, names, args.gallery, reader, args.part,
        Progress(), args.store)
    report_damaged(result.damaged)
    print(f'{args.gallery}: {result.added:,} images added, {result.known:,} '
          f'there already, {len(result.damaged):,} damaged; embedded in '
          f'{inferencer.precision}; names such as {name_some(names, 1)}')


def remove(args: argparse.Namespace) -> int:
    """Remove the chosen images, or say how many they are."""
    with open_gallery(args, read_only=args.dry_run) as gallery:
        ids = find(gallery, args)
        tell_unreached(gallery, args)
        if not len(ids):
            print('nothing was removed')
            return 1
        entries = gallery.entries(ids)
        cameras = Counter('not known' if entry.camid is None else
                          str(entry.camid) for entry in entries)
        names = name_some(printable(entry.name) for entry in entries)
        print(f'{len(ids):,} of {len(gallery):,} images (camera '
              f'{counts_text(cameras)}): {names}')
        if args.dry_run:
            print('--dry-run: nothing was removed')
            return 0
        gallery.remove(ids)
        print(f'{len(ids):,} images removed')
        if args.compact:
            forget(gallery)
        else:
            print('they stay in the file until: python tools/gallery.py '
                  f'compact {args.gallery}')
    return 0


def tell_unreached(gallery: BaseGallery, args: argparse.Namespace) -> None:
    """Name the images that a filter can not judge: they are kept."""
    wanted = chosen(args)
    for option, field, word in NEEDED:
        if wanted[option] is None:
            continue
        others = gallery.entries(gallery.find(**{**wanted, option: None}))
        count = sum(getattr(entry, field) is None for entry in others)
        if count:
            print(f'note: {count:,} images have no known {word}, so they are '
                  'kept; name them by --images', file=sys.stderr)


def compact(args: argparse.Namespace) -> None:
    """Write the gallery anew, without the removed images."""
    with open_gallery(args) as gallery:
        forget(gallery)


def forget(gallery: BaseGallery) -> None:
    """Compact a gallery and say what that brought."""
    removed, before = gallery.num_removed, gallery.disk_size()
    gallery.compact()
    forgotten = 'all removed images' if removed is None else (
        f'{removed:,} removed images')
    copies = 'Copies of the folder' if removed is not None else (
        'Backups of the server')
    print(f'{gallery.place}: {forgotten} forgotten, '
          f'{len(gallery):,} are left; {size_text(before)} -> '
          f'{size_text(gallery.disk_size())}. {copies} and '
          'the image files are not touched')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    args = parse_args(arguments)
    return run_tool(args.work, args, 'gallery')


if __name__ == '__main__':
    run_main(main)
