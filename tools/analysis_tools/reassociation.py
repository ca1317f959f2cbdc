"""Score a model by how well it finds people of a recording again after a gap.

    python tools/analysis_tools/reassociation.py VIDEO_OR_FRAMES GT.txt \
        --model epoch_60.pth

A query is a person in a frame; its candidates are all people `--gap` frames
later. Boxes are those of MOTChallenge, with identities. Printed are rank-1
and the mean reciprocal rank (MRR), in percent.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import output_file, run_main, run_tool


def parse_args(arguments=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('recording', type=Path,
        help='video, sequence of MOTChallenge, or folder of numbered frames')
    add('boxes', type=Path, help='MOTChallenge boxes with identities')
    add('--model', required=True, help=MODEL_HELP)
    add('--weights', help='checkpoint of a config')
    add('--device', help='default: a GPU where there is one')
    add('--gap', type=int, default=30,
        help='frames between query and candidates (default: 30)')
    add('--stride', type=int, default=60,
        help='queries are in frames that it divides (default: 60)')
    add('--out', type=output_file, help='result file, JSON')
    return parser.parse_args(arguments)


def score(args) -> None:
    """Embed what is needed, score, print."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import TrackerEmbedder
    from mmreidmix.apis.trackers import embed_recording
    from mmreidmix.evaluation.functional.reassociation import (
        needed_boxes,
        reassociate,
    )
    from mmreidmix.files import replace_file
    from mmreidmix.importing.recordings import read_recording
    recording = read_recording(args.recording, args.boxes)
    boxes = recording.boxes
    if not (boxes.tracks >= 0).any():
        raise ValueError(f'{args.boxes} has no identities: its second column '
                         'is -1')
    boxes = boxes.select((boxes.tracks >= 0) & needed_boxes(
        boxes.frames, args.gap, args.stride))
    recording.boxes = boxes
    embedder = TrackerEmbedder(args.model, args.device, weights=args.weights)
    rows = embed_recording(embedder, recording)
    kept = rows.any(axis=1)
    found = reassociate(rows[kept], boxes.frames[kept], boxes.tracks[kept],
                        args.gap, args.stride)
    print(f'rank-1 {100 * found.rank1:.1f}, MRR {100 * found.mrr:.1f}: '
          f'{found.queries:,} queries, {found.candidates:.1f} candidates on '
          f'average, {args.gap} frames later')
    print(f'left out: {found.not_there:,} queries whose person is not there, '
          f'{found.one_candidate:,} with one candidate, '
          f'{found.no_later_frame:,} with no box that much later; '
          f'{(~kept).sum():,} boxes without a pixel in the frame')
    if args.out:
        text = json.dumps(dict(
            asdict(found), gap=args.gap, stride=args.stride,
            boxes_without_pixel=int((~kept).sum()), boxes=args.boxes.name,
            sha256=embedder.inferencer.sha256), indent=1)
        replace_file(args.out, lambda stream: stream.write(text.encode()))


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(score, parse_args(arguments), 'reassociation')


if __name__ == '__main__':
    run_main(main)
