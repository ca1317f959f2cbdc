"""Make a domain of one's own images, to be used wherever a data set is.

SOURCE is one of

- a folder of images: --pattern says what their names tell, such as
  '{pid}/{camid}_{any}.png' (without it, a pattern is proposed)
- a table, .csv or .parquet, with a column 'path' and some of pid, camid,
  tracklet, time, subset, flag
- a data set that has a loader, as TYPE:PATH, such as Market1501:data/market
- a recording of a camera: a video (.mp4, .avi, .mkv, .mov, .webm), with
  --boxes FILE or without; a sequence of MOTChallenge (img1, gt or det) or a
  folder of them; a folder of frames with --boxes FILE.json (COCO). People
  are cut out of its frames, track by track

OUT becomes a folder with one table. The images stay where they are, unless
they are cut out or blurred, or copied into few large files by --pack. A
stopped import goes on when it is called again. Examples::

    python tools/dataset_converters/import_domain.py photos data/photos \
        --pattern '{pid}/{camid}_{any}.jpg'
    python tools/dataset_converters/import_domain.py list.csv data/shop \
        --images /mnt/shop --columns path=file pid=person camid=camera
    python tools/dataset_converters/import_domain.py door.mp4 data/door \
        --blur-heads

Then ``dict(type='Domain', data_root='data/photos')`` in a config, or
``--domains Domain:data/photos`` in the tools.
"""

from __future__ import annotations

import argparse
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmreidmix.apis.app.command_line import time_option
from mmreidmix.command_line import KeyValues, output_folder, run_main
from mmreidmix.importing.recording_options import (
    add_options,
    recording_options,
)

if TYPE_CHECKING:
    import pyarrow

#: What the people who are seen may want to know, in the datasheet.
DATASHEET = ('source', 'licence', 'consent', 'contact', 'keep_until')


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='folder, table, TYPE:PATH or recording')
    parser.add_argument('out', type=output_folder, help='the domain')
    parser.add_argument(
        '--name', help='what results call it; default: name of OUT')
    parser.add_argument(
        '--pattern', help="for a folder; 'none' where names tell nothing. "
        'Words: {pid} {camid} {tracklet} {time} {subset} {any}')
    parser.add_argument(
        '--images', type=Path, metavar='FOLDER',
        help='for a table: what its paths are relative to; default: the '
        'folder of the table')
    parser.add_argument(
        '--columns', nargs='+', action=KeyValues, default={},
        metavar='FIELD=COLUMN', help='for a table: columns of other names')
    parser.add_argument(
        '--split', default='auto',
        choices=['auto', 'identity', 'camera', 'time', 'all', 'none'],
        help='what is tested: a share of the people, some cameras, the last '
        'time, everybody, nobody. auto: as the source says; else identity '
        'where two cameras see two people or more; else none')
    parser.add_argument(
        '--test-share', type=float, default=0.5, metavar='SHARE',
        help='of the people, or of the span of time; default: 0.5')
    parser.add_argument(
        '--test-cameras', nargs='+', default=(), metavar='CAMERA',
        help='for --split camera')
    parser.add_argument(
        '--test-after', type=time_option, metavar='TIME',
        help='for --split time: seconds as in the source, or a date; default: '
        'by --test-share')
    parser.add_argument(
        '--seed', type=int, default=0, help='of --split identity')
    parser.add_argument(
        '--pack', action='store_true',
        help='copy the images into tar files in OUT')
    parser.add_argument(
        '--blur-heads', type=share, nargs='?', const=0.25, default=0.0,
        metavar='SHARE', help='copy the images with this share of their '
        'height made unrecognisable at the top; without a number: 0.25')
    parser.add_argument(
        '--datasheet', nargs='+', action=KeyValues, default={},
        metavar='KEY=TEXT', help='what is known of the images and goes into '
        f'checkpoints trained on them: {", ".join(DATASHEET)}')
    add_options(parser)
    return parser.parse_args(args)


def share(text: str) -> float:
    """The argparse type of a share."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text} is not between 0 and 1')
    return value


def name_of(args) -> str:
    """What results call the domain."""
    return args.name or args.out.resolve().name


def read_source(args) -> tuple[pyarrow.Table, Path, list[str]]:
    """The table, the folder of the images, what to tell the user."""
    from mmreidmix.importing import (
        folder_source,
        image_rows,
        loader_source,
        table_source,
    )
    source = Path(args.source)
    if is_recording(args):
        from mmreidmix.importing.copies import IMAGES
        from mmreidmix.importing.crops import read_recordings
        rows, notes = read_recordings(
            source, args.out, recording_options(args), args.blur_heads)
        return image_rows.to_table(rows), args.out / IMAGES, notes
    if source.is_dir():
        rows, skipped = folder_source.read_folder(source, args.pattern)
        notes = [f'left out: {skipped}'] if skipped else []
        return image_rows.to_table(rows), source, notes
    if source.is_file() and source.suffix.lower() in table_source.SUFFIXES:
        root = args.images or source.parent
        rows, unread = table_source.read_table(source, root, args.columns)
        notes = [f'columns not read: {", ".join(unread)}'] if unread else []
        return image_rows.to_table(rows), root, notes
    if source.exists() or ':' not in args.source:
        known = ', '.join(table_source.SUFFIXES)
        raise ValueError(f'{source} is no folder, no table ({known}), no '
                         'video and no TYPE:PATH of a data set')
    from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
    domain = parse_domain(args.source)
    check_domains([domain])
    rows, root = loader_source.read_loader(domain, name_of(args))
    return image_rows.to_table(rows), root, []


def is_recording(args) -> bool:
    """Whether people have to be cut out of the source."""
    from mmreidmix.importing import recordings
    return recordings.is_recording(Path(args.source), args.boxes)


def check_options(args) -> None:
    """Raise ValueError for options that do not go together."""
    source, cut = Path(args.source), is_recording(args)
    option = recording_options(args).given()
    wrong = [name for name, given in (
        (option, option and not cut),
        ('--pattern', args.pattern and (cut or not source.is_dir())),
        ('--images', args.images and (cut or not source.is_file())),
        ('--columns', args.columns and (cut or not source.is_file())),
        ('--test-cameras', args.test_cameras and args.split != 'camera'),
        ('--test-after',
         args.test_after is not None and args.split != 'time')) if given]
    if wrong:
        kind = 'recording' if cut else 'folder of images' if (
            source.is_dir()) else 'table' if source.is_file() else 'data set'
        raise ValueError(f'{wrong[0]} has no meaning for a {kind} with '
                         f'--split {args.split}')
    if cut and args.split not in ('auto', 'none'):
        raise ValueError(
            f'--split {args.split} needs to know who is seen; of a recording '
            'only tracks are known. Leave --split out: all is for training')
    from mmreidmix.importing.image_rows import FIELDS
    for option, keys, known in (
            ('--columns', args.columns, ('path', *FIELDS)),
            ('--datasheet', args.datasheet, DATASHEET)):
        unknown = sorted(set(keys) - set(known))
        if unknown:
            raise ValueError(f'{option}: {unknown[0]!r} is unknown; there are '
                             f'{", ".join(known)}')
    check_date(args.datasheet.get('keep_until'))


def check_date(text) -> None:
    """Raise ValueError where the images are kept until no date."""
    try:
        date.fromisoformat(text or '2030-01-31')
    except ValueError:
        raise ValueError(f'--datasheet: keep_until is {text!r}, expected a '
                         'date such as 2030-01-31') from None


def choose_split(table: pyarrow.Table, way: str) -> str:
    """What 'auto' means for a table."""
    if way != 'auto':
        return way
    if set(table['subset'].unique().to_pylist()) != {'train'}:
        return 'source'
    from mmreidmix.datasets.query_choice import seen_by_two
    cameras = table['camid'].combine_chunks().dictionary_encode().indices
    people = seen_by_two(table['pid'].to_numpy(), cameras.to_numpy())
    return 'identity' if len(people) > 1 else 'none'


def split(table: pyarrow.Table, args) -> tuple[pyarrow.Table, str]:
    """Train, query and gallery, and how they were made."""
    way = choose_split(table, args.split)
    if way == 'source':
        return table, 'train, query and gallery as the source says'
    from mmreidmix.importing.splits import split_table
    table, _ = split_table(
        table, way, args.test_share, args.seed, args.test_cameras,
        args.test_after)
    return table, f'split by {way}' if way != 'none' else 'all train'


def summary(table: pyarrow.Table) -> list[str]:
    """A line for all images and one for each subset."""
    lines = []
    for subset in ('all', 'train', 'query', 'gallery', ''):
        part = table if subset == 'all' else table.filter(
            [name == subset for name in table['subset'].to_pylist()])
        if len(part):
            pids = part['pid'].unique().to_pylist()
            people = sum(pid >= 0 for pid in pids)
            lines.append(
                f'  {subset or "left out":8s} {len(part):9,d} images '
                f'{people:7,d} people '
                f'{len(part["camid"].unique()):5,d} cameras')
    return lines


def store(table: pyarrow.Table, root: Path, args) -> tuple[Any, dict]:
    """Copy the images where an option says so; what the info says of it."""
    from mmreidmix.importing import copies, heads, shards
    from mmreidmix.importing.progress import progress
    cut = is_recording(args)  # then they are copies already, and blurred
    if not args.pack and (cut or not args.blur_heads):
        where = copies.IMAGES if cut else str(root.resolve())
        return table, dict(images=where)
    read = heads.reader(root, 0.0 if cut else args.blur_heads)
    with progress('pack' if args.pack else 'copy', len(table)) as advance:
        if not args.pack:
            copies.copy(table, args.out, read, advance)
            return table, dict(images=copies.IMAGES)
        table = shards.pack(table, args.out, read, advance)
    if cut:
        shutil.rmtree(root)
    return table, {}


def made_with(args) -> dict:
    """What the info says of the options."""
    options = dict(
        split=args.split, test_share=args.test_share, seed=args.seed,
        pattern=args.pattern, blur_heads=args.blur_heads)
    if is_recording(args):
        options.update(recording_options(args).as_dict())
    return options


def run(args) -> None:
    """Import and report."""
    check_options(args)
    from mmreidmix.datasets.domain_files import write_domain
    from mmreidmix.importing.crops import remove_kept_boxes
    from mmreidmix.importing.heads import add_column
    from mmreidmix.importing.workplace import workplace
    options = {key: str(value) for key, value in vars(args).items()
               if key != 'out'}
    with workplace(args.out, options):
        table, root, notes = read_source(args)
        table, way = split(table, args)
        table, where = store(
            add_column(table, args.blur_heads), root, args)
        info = dict(
            name=name_of(args), **where,
            made_with=made_with(args), datasheet=args.datasheet)
        write_domain(args.out, table, info)
        remove_kept_boxes(args.out)
    print(f'{args.out}: {way}')
    print('\n'.join([*summary(table), *(f'  {note}' for note in notes)]))


def main(args=None) -> int:
    """Import; returns the exit status."""
    run(parse_args(args))
    return 0


if __name__ == '__main__':
    run_main(main)
