"""Search a gallery for the people on pictures.

    python tools/gallery/search.py GALLERY someone.jpg --model MODEL \
        --topk 10 --exclude-camids 3 --after 2026-05-01T12:00

prints the best matches, and where the threshold of the model lies among them.
``--out matches.json sheet.png`` writes them to files. The exit status is 0
where somebody was found, and 1 where nobody was: no match of any picture
reaches the threshold, or, without a threshold, no image passes the filters.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from mmreidmix.apis.app.command_line import (
    add_filter_options,
    add_model_options,
    add_store_option,
    filters,
    open_model,
    positive,
)
from mmreidmix.apis.app.path_parsing import time_text
from mmreidmix.command_line import output_file, printable, run_main, run_tool
from mmreidmix.files import replace_file


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gallery', help='folder written by '
                        'tools/gallery.py add')
    add_store_option(parser)
    parser.add_argument('pictures', nargs='+', metavar='PICTURE')
    parser.add_argument('--model', required=True, help='the model that the '
                        'gallery was made with')
    parser.add_argument('--camera', help='with --camera-profiles: the camera '
                        'of the pictures; default: any')
    parser.add_argument('--topk', type=positive, default=10,
                        help='matches per picture (default: 10)')
    parser.add_argument('--rerank', action='store_true',
                        help='re-rank the best 100 by their neighbours')
    parser.add_argument('--by-tracklet', action='store_true',
                        help='one match per tracklet')
    parser.add_argument(
        '--fmr', type=float, help='false-match rate of the threshold, one '
        'that the model was calibrated for; default: the highest')
    parser.add_argument('--out', type=output_file, nargs='+', default=[],
                        metavar='FILE', help='files to write: FILE.json, and '
                        'FILE.png, .jpg or .pdf, for which --images is needed')
    parser.add_argument('--images', type=Path, metavar='FOLDER',
                        help='folder that the names in the gallery start from')
    add_filter_options(parser)
    add_model_options(parser)
    args = parser.parse_args(arguments)
    wrong = [path for path in args.out if path.suffix not in WRITERS]
    if wrong:
        parser.error(f'--out {wrong[0]} must end in {", ".join(WRITERS)}')
    if not args.images and any(path.suffix != '.json' for path in args.out):
        parser.error('to draw the matches, --out needs --images, the folder '
                     'of the pictures')
    return args


def search(args: argparse.Namespace) -> int:
    """Embed, search, report; returns the exit status."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import open_gallery
    from mmreidmix.apis.comparison import NO_THRESHOLD, optional_threshold
    gallery = open_gallery(args.gallery, store=args.store, read_only=True)
    inferencer = open_model(args)
    gallery.check_model(inferencer.sha256)
    line = optional_threshold(inferencer.thresholds, args.fmr)
    results = gallery.search(
        inferencer(args.pictures, args.camera), args.topk, **filters(args),
        rerank=dict(k1_intra=5) if args.rerank else None,
        by_tracklet=args.by_tracklet)
    for picture, matches in zip(args.pictures, results):
        print(f'{printable(picture)}: {len(matches)} matches')
        print('\n'.join(table(matches, line, args.rerank)))
    print(NO_THRESHOLD if line is None else line)
    for path in args.out:
        WRITERS[path.suffix](path, args, inferencer, results, line)
        print(f'written: {path}')
    found = any(line is None or line.reached(match.score)
                for matches in results for match in matches)
    return 0 if found else 1


def table(matches: list, line, reranked: bool) -> list[str]:
    """Lines of the ranked list; the threshold is a line of its own.

    Re-ranking keeps the cosines, which then do not fall along the list, so
    that each row says by a '+' whether it reaches the threshold.
    """
    cells = [('rank', '', 'score', 'camera', 'time', 'name')]
    for rank, match in enumerate(matches, start=1):
        above = line is not None and line.reached(match.score)
        cells.append((
            str(rank), '+' if above else '', f'{match.score:.4f}',
            '-' if match.camid is None else str(match.camid),
            time_text(match.time), printable(match.name)))
    widths = [max(map(len, column)) for column in zip(*cells)]
    rows = ['  ' + '  '.join(
        cell.ljust(width) if number == 5 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in cells]
    if line is None or reranked:
        return rows
    cut = 1 + sum(line.reached(match.score) for match in matches)
    return [*rows[:cut], f'  ---- threshold {line.threshold:.4f} ----',
            *rows[cut:]]


def write_json(path: Path, args, inferencer, results: list, line) -> None:
    """Write all matches with how they were found."""
    queries = [
        dict(picture=str(picture), matches=[
            dict(match._asdict(), rank=rank,
                 reaches_threshold=line and line.reached(match.score))
            for rank, match in enumerate(matches, start=1)])
        for picture, matches in zip(args.pictures, results)]
    content = dict(
        gallery=str(args.gallery), model=inferencer.sha256,
        precision=inferencer.precision,
        threshold=line and vars(line), queries=queries)
    text = json.dumps(content, indent=1)
    replace_file(path, lambda stream: stream.write(text.encode()))


def draw(path: Path, args, inferencer, results: list, line) -> None:
    """Draw each picture beside its matches."""
    from mmreidmix.apis.app.safe_images import inside
    from mmreidmix.visualization import draw_rank_lists, save_picture
    matches = [match for own in results for match in own]
    indices = np.full((len(results), max(map(len, results))), -1)
    scores = np.zeros(indices.shape)
    first = 0
    for row, own in enumerate(results):
        indices[row, :len(own)] = first + np.arange(len(own))
        scores[row, :len(own)] = [match.score for match in own]
        first += len(own)
    title = 'no threshold is stored in the model' if line is None else (
        f'+ = reaches the threshold {line.threshold:.3f} '
        f'(false-match rate {line.fmr:g})')
    sheet = draw_rank_lists(
        args.pictures, [inside(args.images, match.name) for match in matches],
        indices, None, scores, title=title,
        query_notes=[Path(picture).name[:14] for picture in args.pictures],
        gallery_notes=[note(match, line) for match in matches])
    save_picture(sheet, path)


def note(match, line) -> str:
    """What stands below a match."""
    camera = '' if match.camid is None else f'cam {match.camid}'
    above = line is not None and line.reached(match.score)
    return f'{camera} +' if above else camera


#: What writes a file, by its ending.
WRITERS = {'.json': write_json, '.png': draw, '.jpg': draw, '.pdf': draw}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    return run_tool(search, parse_args(arguments), 'search')


if __name__ == '__main__':
    run_main(main)
