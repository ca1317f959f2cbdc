"""People cut out of the frames of recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mmreidmix.files import replace_file

from .boxes import Boxes, clip_box
from .copies import IMAGES
from .detector import build_detector, detect_boxes
from .heads import blur_head, encode
from .image_rows import ImageRows
from .progress import progress
from .recording_options import RecordingOptions
from .recordings import Recording, find_recordings, frames_of
from .tracks import check_tracker, link_boxes

#: Least score where scores are between 0 and 1.
_USUAL_SCORE = 0.5
_KEPT_BOXES = 'boxes-{}.txt'


class Crop(NamedTuple):
    """One image of a person.

    Attributes:
        path (str): below the folder of the images.
        camera (str): the recording, and its clip.
        track (int): number inside the recording, -1 = none.
        seconds (float): since the first frame.
        frame (int): number in the recording, from 1.
        left, top, width, height (int): place in the frame, in pixels.
        score (float): of the detector.
    """

    path: str
    camera: str
    track: int
    seconds: float
    frame: int
    left: int
    top: int
    width: int
    height: int
    score: float


def read_recordings(source: Path, out: Path, options: RecordingOptions,
                    blur: float = 0.0) -> tuple[ImageRows, list[str]]:
    """Write the crops of all recordings of a source.

    Crops that are there already, from a stopped call, stay.

    Args:
        source (Path): see :func:`find_recordings`.
        out (Path): the domain; crops come into its folder of images.
        options (RecordingOptions): what becomes a crop.
        blur (float): share of the height that is made unrecognisable.

    Returns:
        tuple: the crops; a line for each recording.

    Raises:
        ValueError, FileNotFoundError: the source or an option is wrong.
        ImportError: the boxes have to be linked, and nothing can do it.
    """
    options.check()
    recordings = find_recordings(source, options.boxes, options.camera)
    if options.tracks == 'auto' and any(map(_to_be_linked, recordings)):
        check_tracker()
    _detect_all(recordings, out, options)
    crops: list[Crop] = []
    notes = []
    for recording in recordings:
        counts = Counter({'to be ignored or no person': recording.ignored})
        found = list(_cut(recording, out / IMAGES, options, blur, counts))
        notes.append(f'{recording.name}: {_told(found, counts, options)}')
        crops += found
    if not crops:
        raise ValueError(f'no box is left. {"; ".join(notes)}')
    return _rows_of(crops), notes


def remove_kept_boxes(out: Path) -> None:
    """Remove what a stopped import would have gone on with."""
    for file in out.glob(_KEPT_BOXES.format('*')):
        file.unlink()


def _to_be_linked(recording: Recording) -> bool:
    return recording.boxes is None or not (recording.boxes.tracks >= 0).any()


def _detect_all(recordings: Sequence[Recording], out: Path,
                options: RecordingOptions) -> None:
    """Find people in the recordings that have no boxes."""
    without = [r for r in recordings if r.boxes is None]
    if not without:
        if options.detector_weights:
            raise ValueError('--detector-weights has no meaning where the '
                             'boxes are given')
        return
    detector = build_detector(options.detector, options.detector_weights)
    for recording in without:
        recording.origin = out / _KEPT_BOXES.format(recording.name)
        recording.boxes = detect_boxes(recording, recording.origin, detector)


def _select(recording: Recording, options: RecordingOptions,
            counts: Counter) -> Boxes:
    """Link boxes, then leave out what the options say, and count it."""
    boxes = recording.boxes
    assert boxes is not None
    with_tracks = options.tracks == 'auto'
    if not with_tracks:
        boxes = boxes._replace(tracks=np.full_like(boxes.tracks, -1))
    elif _to_be_linked(recording):
        rate = options.frame_rate or recording.rate
        boxes = boxes._replace(tracks=link_boxes(boxes, rate))
    least = options.min_score
    if least is None:
        least = _USUAL_SCORE if boxes.probabilities else -np.inf
    frames = sorted(recording.files)[::options.every]
    rules = (
        ('in other frames', lambda b: np.isin(b.frames, frames) if frames
         else (b.frames - 1) % options.every == 0),
        ('of low score', lambda b: b.scores >= least),
        ('hidden', lambda b: b.visible >= options.min_visibility),
        ('in no track', lambda b: (b.tracks >= 0) | (not with_tracks)),
    )
    for reason, rule in rules:
        kept = rule(boxes)
        counts[reason] += int((~kept).sum())
        boxes = boxes.select(kept)
    return boxes


def _cut(recording: Recording, folder: Path, options: RecordingOptions,
         blur: float, counts: Counter) -> Iterator[Crop]:
    """Write the crops of a recording and count the boxes left out."""
    boxes = _select(recording, options, counts)
    rate = options.frame_rate or recording.rate or 1.0
    with progress(f'cut {recording.name}', len(boxes.frames),
                  'crops') as advance:
        for frame, image in frames_of(recording, set(boxes.frames.tolist())):
            here = boxes.select(slice(*np.searchsorted(
                boxes.frames, [frame, frame + 1])))
            for number in range(len(here.frames)):
                part = _part_of(recording, here, number, image)
                reason = _too_little(part, here.boxes[number], options)
                if reason:
                    counts[reason] += 1
                    continue
                crop = _crop(recording.name, here, number, part, rate, options)
                _write(folder / crop.path, image, part, blur)
                yield crop
            advance(len(here.frames))


def _part_of(recording: Recording, boxes: Boxes, number: int,
             image: np.ndarray) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of a box of a frame, inside it."""
    height, width = image.shape[:2]
    part = clip_box(boxes.boxes[number], height, width)
    left, right, top, bottom = part
    if left >= width or top >= height or right <= left or bottom <= top:
        shown = ', '.join(f'{x:g}' for x in boxes.boxes[number])
        raise ValueError(
            f'{recording.origin}: frame {boxes.frames[number]}: the box '
            f'{shown} (x, y, width, height) has no pixel in the frame of '
            f'{width} x {height} of {recording.source}. Correct or remove '
            'it; or the boxes are of a recording of another size')
    return part


def _too_little(part: Sequence[int], box: np.ndarray,
                options: RecordingOptions) -> Optional[str]:
    """Why a box becomes no crop; None if it does."""
    left, right, top, bottom = part
    if (right - left) * (bottom - top) < box[2] * box[3] / 2:
        return 'outside'
    return 'small' if bottom - top < options.min_height else None


def _crop(name: str, boxes: Boxes, number: int, part: Sequence[int],
          rate: float, options: RecordingOptions) -> Crop:
    left, right, top, bottom = part
    frame, track = int(boxes.frames[number]), int(boxes.tracks[number])
    camera = name
    if options.clip is not None:
        camera += f'/c{(frame - 1) // options.clip:04d}'
    inner = f'{camera}/t{track:04d}' if track >= 0 else camera
    return Crop(
        f'{inner}/{frame:06d}_{number:03d}.jpg', camera, track,
        (frame - 1) / rate, frame, left, top, right - left, bottom - top,
        float(boxes.scores[number]))


def _write(file: Path, image: np.ndarray, part: Sequence[int],
           blur: float) -> None:
    if file.is_file():
        return
    left, right, top, bottom = part
    data = encode(blur_head(image[top:bottom, left:right], blur), file.name)
    replace_file(file, lambda stream: stream.write(data))


def _told(crops: Sequence[Crop], counts: Counter,
          options: RecordingOptions) -> str:
    """What became of the boxes of a recording."""
    cameras = len({crop.camera for crop in crops})
    tracks = len({(crop.camera, crop.track) for crop in crops
                  if crop.track >= 0})
    clips = f'{cameras:,} clips, ' if options.clip else ''
    dropped = ', '.join(f'{count:,} {reason}' for reason, count
                        in sorted(counts.items()) if count)
    return (f'{len(crops):,} crops, {clips}{tracks:,} tracks; boxes left '
            f'out: {dropped or "none"}')


def _rows_of(crops: Sequence[Crop]) -> ImageRows:
    columns = Crop(*map(list, zip(*crops)))  # type: ignore[arg-type]
    fields = dict(
        camid=columns.camera,
        tracklet=['' if track < 0 else str(track) for track in columns.track],
        time=[repr(seconds) for seconds in columns.seconds])
    more = {name: getattr(columns, name) for name in (
        'frame', 'left', 'top', 'width', 'height', 'score')}
    return ImageRows(columns.path, fields, lambda row: columns.path[row], more)
