"""Recordings of cameras: videos, sequences of MOTChallenge, COCO frames."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from mmreidmix.datasets.file_names import is_image, iter_entries, list_folders
from mmreidmix.datasets.image_bytes import ImageReadError
from mmreidmix.files import read_text

from .boxes import Boxes, read_boxes

if TYPE_CHECKING:
    import numpy as np

#: Suffixes of videos.
VIDEOS = ('.mp4', '.avi', '.mkv', '.mov', '.webm')
#: Boxes of a sequence, the best first.
_OF_SEQUENCES = ('gt', 'det')
_FRAMES = 'img1'


@dataclass
class Recording:
    """What one camera has recorded, and the boxes of people in it.

    Attributes:
        name (str): of the camera; a name of a folder.
        source (Path): the video, or the folder of the frames.
        files (dict[int, Path]): number of a frame -> its image; empty for a
            video.
        rate (float, optional): frames per second, None = unknown.
        boxes (Boxes, optional): None = to be detected.
        origin (Path, optional): file of the boxes, for messages.
        ignored (int): boxes that their file says to ignore.
        sizes (dict[int, tuple[int, int]]): number of a frame -> width and
            height that the file of the boxes was made for, where it says so.
    """

    name: str
    source: Path
    files: dict[int, Path] = field(default_factory=dict)
    rate: Optional[float] = None
    boxes: Optional[Boxes] = None
    origin: Optional[Path] = None
    ignored: int = 0
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)


def is_video(path: Path) -> bool:
    """Tell whether a file is a video by its name."""
    return path.suffix.lower() in VIDEOS


def is_recording(source: Path, boxes: Optional[str] = None) -> bool:
    """Tell whether people have to be cut out of the frames of a source.

    Args:
        source (Path): what is to be imported.
        boxes (str, optional): the option ``--boxes``.
    """
    if source.is_file():
        return is_video(source)
    return source.is_dir() and (boxes is not None or bool(_sequences(source)))


def find_recordings(source: Path, boxes: Optional[str],
                    name: Optional[str] = None) -> list[Recording]:
    """What there is to cut people out of, sorted by name.

    Args:
        source (Path): a video, a sequence, a folder of sequences, or a folder
            of images.
        boxes (str, optional): 'gt' or 'det' of sequences, or a file: of
            MOTChallenge boxes, or of COCO annotations (.json). Default: the
            ground truth of a sequence, else its detections; none for a video.
        name (str, optional): of the camera, where there is one recording.

    Raises:
        ValueError: a file is wrong, or two recordings would get one name.
        FileNotFoundError: there are no boxes, or no image of a frame.
    """
    if source.is_dir() and boxes and boxes.lower().endswith('.json'):
        from .coco_boxes import read_coco
        found = read_coco(Path(boxes), source)
    elif source.is_dir():
        found = [_sequence(folder, boxes) for folder in _sequences(source)]
        if not found:
            raise ValueError(
                f'{source} has no folder {_FRAMES} and no sub-folder with '
                f'one. For a folder of images --boxes is a file of COCO '
                f'annotations (.json), got {boxes!r}')
    else:
        found = [_video(source, boxes)]
    if name and len(found) > 1:
        raise ValueError(f'--camera is for one recording; {source} has '
                         f'{len(found):,}')
    taken: dict[str, str] = {}
    for recording in found:
        given = name or recording.name
        recording.name = folder_name(given)
        other = taken.setdefault(recording.name, given)
        if other is not given:
            raise ValueError(
                f'the recordings {other!r} and {given!r} would get one '
                f'folder, {recording.name!r}; rename one')
    return sorted(found, key=lambda recording: recording.name)


def folder_name(name: str) -> str:
    """A recording as the name of a folder."""
    return re.sub(r'[^\w.-]+', '_', name).lstrip('.') or '_'


def _sequences(source: Path) -> list[Path]:
    folders = [source, *(source / name for name in list_folders(source))]
    return [folder for folder in folders if (folder / _FRAMES).is_dir()]


def _sequence(folder: Path, boxes: Optional[str]) -> Recording:
    """A folder of MOTChallenge."""
    if boxes in _OF_SEQUENCES:
        file = folder / boxes / f'{boxes}.txt'
    elif boxes is not None:
        raise ValueError(
            f"--boxes is {boxes!r}; for sequences of MOTChallenge it is 'gt' "
            "or 'det': the boxes are files of the sequences")
    else:
        files = [folder / kind / f'{kind}.txt' for kind in _OF_SEQUENCES]
        file = next((file for file in files if file.is_file()), files[0])
    if not file.is_file():
        raise FileNotFoundError(
            f'{file} is not there; --boxes gt or --boxes det says which boxes '
            'a sequence has')
    return _with_boxes(folder, folder / _FRAMES, file)


def read_recording(source: Path, boxes: Path) -> Recording:
    """A recording and a file of boxes that may lie anywhere.

    Args:
        source (Path): a video, a sequence of MOTChallenge, or a folder of
            frames that are named by their numbers.
        boxes (Path): MOTChallenge boxes.

    Raises:
        ValueError: a file is wrong.
        FileNotFoundError: there is no such file, or no image of a frame.
    """
    if not source.is_dir():
        if not source.is_file():
            raise FileNotFoundError(f'no video or folder of frames {source}')
        return _video(source, str(boxes))
    inner = source / _FRAMES
    return _with_boxes(source, inner if inner.is_dir() else source, boxes)


def _with_boxes(folder: Path, frames: Path, file: Path) -> Recording:
    found, ignored = read_boxes(file)
    files = _numbered(frames)
    _check_frames(found, files, frames, file)
    return Recording(folder.resolve().name, frames, files,
                     _rate_of(folder / 'seqinfo.ini'), found, file, ignored)


def _numbered(folder: Path) -> dict[int, Path]:
    """Number of a frame -> its image."""
    files: dict[int, Path] = {}
    for entry in sorted(iter_entries(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if is_image(entry.name) and path.stem.isdecimal():
            other = files.setdefault(int(path.stem), path)
            if other != path:
                raise ValueError(f'{folder}: {other.name} and {path.name} are '
                                 'both that frame; remove one')
    return files


def _check_frames(boxes: Boxes, files: Mapping[int, Path], source: Path,
                  origin: Path) -> None:
    missing = sorted(set(boxes.frames.tolist()) - set(files))
    if missing:
        raise FileNotFoundError(
            f'{source}: frame {missing[0]} is not there, but {origin} has '
            f'boxes in it; {len(missing):,} such frames. Copy the sequence '
            'again')


def _rate_of(file: Path) -> Optional[float]:
    """Frames per second of a sequence; None where nothing says so."""
    if not file.is_file():
        return None
    parser = configparser.ConfigParser()
    try:
        parser.read_string(read_text(file))
        rate = parser.getfloat('Sequence', 'frameRate', fallback=None)
    except (configparser.Error, ValueError) as error:
        raise ValueError(f'{file}: {error}') from None
    if rate is not None and not 0 < rate < 1e6:
        raise ValueError(f'{file}: frameRate is {rate}, expected frames per '
                         'second')
    return rate


def _video(source: Path, boxes: Optional[str]) -> Recording:
    capture = open_video(source)
    import cv2
    rate = capture.get(cv2.CAP_PROP_FPS)
    recording = Recording(source.stem, source,
                          rate=rate if 0 < rate < 1e6 else None)
    if boxes is None:
        return recording
    if not Path(boxes).is_file():
        raise FileNotFoundError(
            f'--boxes: {boxes} is not there; for a video it is a file of '
            'MOTChallenge boxes (frame,track,x,y,width,height,score)')
    recording.origin = Path(boxes)
    recording.boxes, recording.ignored = read_boxes(boxes)
    return recording


def open_video(file: Path):  # type: ignore[no-untyped-def]
    """OpenCV's reader of a video.

    Raises:
        ValueError: it is no video that OpenCV reads.
    """
    import cv2
    capture = cv2.VideoCapture(str(file))
    if not capture.isOpened():
        raise ValueError(f'{file} is no video that OpenCV can read; convert '
                         'it, such as by ffmpeg -i IN -c:v mjpeg OUT.avi')
    return capture


def frames_of(recording: Recording,
              wanted: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Number and picture of some frames, in order.

    Yields:
        tuple[int, np.ndarray]: the number; BGR, uint8, (H, W, 3).

    Raises:
        ValueError: a frame can not be read, or the video ends before a frame
            that has boxes.
    """
    if recording.files:
        yield from _from_files(recording, wanted)
        return
    assert recording.boxes is not None
    last = int(recording.boxes.frames.max(initial=0))
    capture = open_video(recording.source)
    for frame in range(1, last + 1):
        good = capture.grab()
        if good and frame in wanted:
            good, image = capture.retrieve()
            if good:
                yield frame, image
        if not good:
            raise ValueError(
                f'{recording.source} ends after frame {frame - 1}, but '
                f'{recording.origin} has boxes in frame {last}. They are of '
                'another video, or the video is cut short')


def _from_files(recording: Recording,
                wanted: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    from mmreidmix.datasets.transforms.loading import read_image
    for frame in sorted(wanted):
        try:
            image = read_image(recording.files[frame])
        except ImageReadError as error:
            raise ValueError(f'frame {frame}: {error}') from error
        size = image.shape[1::-1]
        if recording.sizes.get(frame, size) != size:
            raise ValueError(
                f'{recording.files[frame]} (frame {frame}) has {size[0]} x '
                f'{size[1]} pixels, but {recording.origin} is of an image of '
                '{} x {}'.format(*recording.sizes[frame]))
        yield frame, image
