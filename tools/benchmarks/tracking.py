"""What re-ID does for a tracker: identity switches and IDF1.

    python tools/benchmarks/tracking.py VIDEO_OR_FRAMES DET.txt \
        --model START --adapted ADAPTED [--truth GT.txt]

The same boxes are linked by ByteTrack and DeepSORT without re-ID and by
DeepSORT with the embeddings of each model. Without `--truth`, boxes with
identities, only the number and length of tracks can be shown. With `--toy`
the recording is drawn first: VIDEO_OR_FRAMES is the folder it is written to.
"""

import argparse
from pathlib import Path

from common.command_line import save_report
from common.machine import hardware, versions

from mmreidmix.command_line import output_file, run_main


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('recording', type=Path, help='video, sequence or folder of frames')
    add('boxes', type=Path, nargs='?', help='boxes of a detector')
    add('--model', required=True,
        help='checkpoint that one starts with, or config with --weights')
    add('--weights', help='checkpoint of a config')
    add('--adapted', help='checkpoint adapted to such footage')
    add('--truth', type=Path, help='boxes with identities')
    add('--toy', action='store_true', help='draw a toy recording first')
    add('--max-distance', type=float, default=0.2,
        help='most 1 - cosine of the same person (default: 0.2)')
    add('--device', help='default: a GPU where there is one')
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    if args.toy == bool(args.boxes):
        parser.error('give DET.txt, or --toy, which draws the boxes too')
    return args


def main(argv=None) -> None:
    """Link, compare, print."""
    args = parse_args(argv)
    from common.tracking_runs import compare, describe, link_by_deep_sort

    from mmreidmix.apis import TrackerEmbedder
    from mmreidmix.apis.trackers import embed_recording, filled_rows
    from mmreidmix.importing.boxes import read_boxes
    from mmreidmix.importing.recordings import read_recording
    from mmreidmix.importing.tracks import link_boxes
    if args.toy:
        from common.toy_walkers import write_walkers
        write_walkers(args.recording)
        args.boxes = args.recording / 'det' / 'det.txt'
        args.truth = args.recording / 'gt' / 'gt.txt'
    import numpy as np
    recording = read_recording(args.recording, args.boxes)
    boxes = recording.boxes
    truth = read_boxes(args.truth)[0] if args.truth else None
    runs = {'ByteTrack, no re-ID': link_boxes(boxes, recording.rate),
            'DeepSORT, no re-ID': link_by_deep_sort(
                boxes, None, args.max_distance)}
    for name, model, weights in (('start', args.model, args.weights),
                                 ('adapted', args.adapted, None)):
        if model:
            embedder = TrackerEmbedder(model, args.device, weights=weights)
            rows = filled_rows(embed_recording(embedder, recording),
                               np.random.default_rng(0))
            runs[f'DeepSORT, {name}'] = link_by_deep_sort(
                boxes, rows, args.max_distance)
    found = {name: dict(describe(tracks), **(
        compare(boxes, tracks, truth) if truth else {}))
        for name, tracks in runs.items()}
    columns = ['tracks', 'mean_boxes', 'share']
    columns += ['idf1', 'num_switches', 'mota'] if truth else []
    print(f'{len(boxes.frames):,} boxes' + ('' if truth else '; no truth: '
          'neither identity switches nor IDF1 can be told'))
    print(f'{"":22}' + ''.join(f'{name:>14}' for name in columns))
    for name, row in found.items():
        print(f'{name:22}' + ''.join(f'{row[c]:14.3f}' for c in columns))
    save_report(dict(rows=found, boxes=args.boxes.name, toy=args.toy,
                     max_distance=args.max_distance, hardware=hardware(),
                     versions=versions()), args.out)


if __name__ == '__main__':
    run_main(main)
