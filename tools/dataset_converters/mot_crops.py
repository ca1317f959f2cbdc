"""Cut people out of tracking sequences and write a tree of videos.

A sequence is a folder with ``img1/000001.jpg`` and ``gt/gt.txt`` or
``det/det.txt`` (MOTChallenge), or a video file with ``--boxes``. It becomes

    OUT/<sequence>/t<track>/<frame>_<box>.jpg      with tracks
    OUT/<sequence>/<frame>_<box>.jpg               without

which ``VideoTree`` reads. With ``--clip`` there is one more folder, of the
clip, ``OUT/<sequence>/c<clip>/...``: read it with ``video_parts=2``.
Examples::

    python tools/dataset_converters/mot_crops.py data/MOT17/train \
        data/mot17_crops --every 10 --min-visibility 0.5
    python tools/dataset_converters/mot_crops.py pets2009/vtest.avi \
        data/pets2009 --boxes pets2009/det.txt --name S2L1 --link 0.3 \
        --every 5 --clip 100
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from mmreidmix.command_line import output_folder, run_main

if TYPE_CHECKING:
    from mmreidmix.datasets.video.mot import Boxes


class Sequence(NamedTuple):
    """One recording: images or a video, and its boxes."""

    name: str
    source: Path
    boxes: Path


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'source', type=Path,
        help='a sequence, a folder of sequences, or a video file')
    parser.add_argument('out', type=output_folder, help='folder of the videos')
    parser.add_argument(
        '--boxes', default='gt',
        help="'gt', 'det', or, for a video file, the file of its boxes")
    parser.add_argument('--name', help='of the sequence of a video file; '
                        'default: the name of the file')
    parser.add_argument(
        '--every', type=int, default=1, help='keep each such frame')
    parser.add_argument(
        '--link', type=float, metavar='IOU',
        help='link boxes of neighbouring frames that overlap as much to '
        'tracks; replaces those of the file')
    parser.add_argument(
        '--max-gap', type=int, default=1,
        help='frames without a box after which a linked track ends')
    parser.add_argument(
        '--clip', type=int, metavar='FRAMES',
        help='cut a long recording into videos of so many frames, in which '
        'a person is seen once and not again and again')
    parser.add_argument(
        '--min-height', type=int, default=40, help='of a crop, in pixels')
    parser.add_argument(
        '--min-score', type=float, help='of a box; default: all')
    parser.add_argument(
        '--min-visibility', type=float, default=0.0,
        help='visible part that annotations of MOT16 and later tell')
    return parser.parse_args(args)


def find_sequences(args) -> list:
    """What there is to cut.

    Raises:
        ValueError: Nothing, or two sequences whose folders would be one.
        FileNotFoundError: A sequence has no boxes.
    """
    if args.every < 1:
        raise ValueError(f'--every is {args.every}, expected at least 1')
    if args.clip is not None and args.clip < 1:
        raise ValueError(f'--clip is {args.clip}, expected at least 1')
    if args.source.is_file():
        found = [Sequence(args.name or args.source.stem, args.source,
                          Path(args.boxes))]
    else:
        if args.boxes not in ('gt', 'det') or args.name:
            raise ValueError(
                "--boxes is 'gt' or 'det' and --name is not given where "
                f'sequences are folders, got {args.boxes!r}, {args.name!r}')
        folders = [args.source, *sorted(args.source.glob('*/'))]
        found = [Sequence(f.resolve().name, f / 'img1',
                          f / args.boxes / f'{args.boxes}.txt')
                 for f in folders if (f / 'img1').is_dir()]
    if not found:
        raise ValueError(f'{args.source} is no video file, has no folder '
                         'img1 and no sub-folder with one')
    taken = {}
    for sequence in found:
        if not sequence.boxes.is_file():
            raise FileNotFoundError(f'{sequence.name}: {sequence.boxes} is '
                                    'not there; --boxes says where boxes are')
        other = taken.setdefault(folder_name(sequence.name), sequence.name)
        if other is not sequence.name:
            raise ValueError(f'the sequences {other!r} and {sequence.name!r} '
                             'would get one folder, '
                             f'{folder_name(other)!r}; rename one')
    return found


def folder_name(name: str) -> str:
    """A sequence as the name of a folder."""
    return re.sub(r'[^\w.-]+', '_', name).lstrip('.') or '_'


def frames_of(source: Path, wanted: np.ndarray) -> Iterator:
    """Yield (frame, image) of the wanted frames, in order.

    Raises:
        ValueError: A frame is missing or can not be decoded.
    """
    import cv2  # here: --help must not wait for it
    numbers = set(wanted.tolist())
    if source.is_file():
        video = cv2.VideoCapture(str(source))
        last = max(numbers, default=0)
        for frame in range(1, last + 1):
            good, image = video.read()
            if not good:
                raise ValueError(f'{source} ends after {frame - 1} frames, '
                                 f'but there are boxes in frame {last}')
            if frame in numbers:
                yield frame, image
        return
    files = {int(path.stem): path for path in source.iterdir()
             if path.stem.isdecimal()}
    for frame in sorted(numbers):
        image = cv2.imread(str(files[frame])) if frame in files else None
        if image is None:
            raise ValueError(f'{source}: frame {frame} of the boxes is '
                             'missing or damaged')
        yield frame, image


def select(boxes: Boxes, args, counts: Counter) -> Boxes:
    """Link, then leave out what the options say, and count it."""
    from mmreidmix.datasets.video.mot import link_boxes
    if args.link is not None:
        boxes = boxes._replace(
            tracks=link_boxes(boxes, args.link, args.max_gap))
    score = -np.inf if args.min_score is None else args.min_score
    rules = (
        ('in other frames', lambda b: (b.frames - 1) % args.every == 0),
        ('of low score', lambda b: b.scores >= score),
        ('hidden', lambda b: b.visible >= args.min_visibility),
    )
    for reason, rule in rules:
        kept = rule(boxes)
        counts[reason] += int((~kept).sum())
        boxes = boxes.select(kept)
    return boxes


def cut(sequence: Sequence, folder: Path, args) -> Counter:
    """Write the crops of one sequence; returns what happened to boxes."""
    import cv2

    from mmreidmix.datasets.video.mot import clip_box, read_boxes
    boxes, ignored = read_boxes(sequence.boxes)
    counts = Counter({'to be ignored or no pedestrian': ignored})
    boxes = select(boxes, args, counts)
    for frame, image in frames_of(sequence.source, np.unique(boxes.frames)):
        here = np.flatnonzero(boxes.frames == frame)
        for number, row in enumerate(here):
            part = clip_box(boxes.boxes[row], *image.shape[:2])
            if part is None:
                counts['outside'] += 1
                continue
            left, right, top, bottom = part
            if bottom - top < args.min_height:
                counts['small'] += 1
                continue
            inner = folder / place(frame, boxes.tracks[row], args.clip)
            inner.mkdir(parents=True, exist_ok=True)
            path = inner / f'{frame:06d}_{number:03d}.jpg'
            if not cv2.imwrite(str(path), image[top:bottom, left:right],
                               [cv2.IMWRITE_JPEG_QUALITY, 95]):
                raise OSError(f'{path} can not be written')
            counts['crops'] += 1
    counts['tracks'] = sum(1 for _ in folder.rglob('t*/'))
    counts['clips'] = sum(1 for _ in folder.glob('c*/'))
    return counts


def place(frame: int, track: int, clip: Optional[int]) -> str:
    """Folder of a crop inside that of its sequence."""
    parts = []
    if clip is not None:
        parts.append(f'c{(frame - 1) // clip:04d}')
    if track >= 0:
        parts.append(f't{track:04d}')
    return '/'.join(parts)


def convert(sequence: Sequence, args) -> bool:
    """Write the folder of one sequence, whole or not at all.

    Returns:
        bool: False if no box is left and so no folder was written.

    Raises:
        FileExistsError: The folder is there already.
    """
    final = args.out / folder_name(sequence.name)
    if final.exists():
        raise FileExistsError(f'{final} is there already; remove it or name '
                              'another folder')
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.out.parent,
                            prefix=f'{args.out.name}-part-') as partial:
        crops = Path(partial) / 'crops'
        crops.mkdir()
        counts = cut(sequence, crops, args)
        if counts['crops']:
            crops.rename(final)
    dropped = ', '.join(
        f'{count:,} {what}' for what, count in sorted(counts.items())
        if count and what not in ('crops', 'tracks', 'clips'))
    clips = f'{counts["clips"]:,} clips, ' if args.clip else ''
    print(f'{sequence.name}: {counts["crops"]:,} crops, {clips}'
          f'{counts["tracks"]:,} tracks; boxes left out: {dropped or "none"}')
    if not counts['crops']:
        print(f'{sequence.name}: no box is left, no folder written')
    return counts['crops'] > 0


def main(args=None) -> int:
    """Convert and report; returns the exit status."""
    args = parse_args(args)
    written = 0
    try:
        for sequence in find_sequences(args):
            written += convert(sequence, args)
    except (ValueError, OSError) as error:
        print(f'mot_crops: {error}', file=sys.stderr)
        return 2
    return 0 if written else 2


if __name__ == '__main__':
    run_main(main)
