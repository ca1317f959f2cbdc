"""Options of the command line for recordings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple, Optional


class RecordingOptions(NamedTuple):
    """How people are cut out of recordings; the command line has the text."""

    boxes: Optional[str] = None
    camera: Optional[str] = None
    frame_rate: Optional[float] = None
    tracks: str = 'auto'
    every: int = 5
    clip: Optional[int] = None
    min_height: int = 40
    min_score: Optional[float] = None
    min_visibility: float = 0.3
    detector: str = 'fasterrcnn_mobilenet_v3_large_320_fpn'
    detector_weights: Optional[Path] = None

    def given(self) -> Optional[str]:
        """The first option that is not at its default, as it is written."""
        usual = RecordingOptions()._asdict()
        return next((f'--{name.replace("_", "-")}'
                     for name, value in self._asdict().items()
                     if value != usual[name]), None)

    def as_dict(self) -> dict[str, Any]:
        """Those that say what became a crop, as JSON can hold them."""
        return {name: value for name, value in self._asdict().items()
                if name not in ('boxes', 'camera', 'detector_weights')}

    def check(self) -> None:
        """Raise ValueError for an option that has no meaning."""
        for name, value in (('--every', self.every), ('--clip', self.clip)):
            if value is not None and value < 1:
                raise ValueError(f'{name} is {value}, expected a number of '
                                 'frames, at least 1')
        if self.frame_rate is not None and not 0 < self.frame_rate < 1e6:
            raise ValueError(f'--frame-rate is {self.frame_rate}, expected '
                             'frames per second')


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, with the defaults of :class:`RecordingOptions`."""
    group = parser.add_argument_group('recordings')
    usual = RecordingOptions()

    def add(name: str, help: str, **kwargs) -> None:
        field = name[2:].replace('-', '_')
        group.add_argument(
            name, default=getattr(usual, field), help=help, **kwargs)

    add('--boxes', "boxes of people: 'gt' or 'det' of sequences; a file of "
        'lines frame,track,x,y,width,height,score,...; a .json of COCO. '
        'Default: those of a sequence, the ground truth first; a video '
        'without them: found by --detector', metavar='FILE')
    add('--camera', 'name of the camera of one recording; default: that of '
        'the file or folder', metavar='NAME')
    add('--frame-rate', 'frames per second; default: as the recording says, '
        'else 1, so that `time` counts frames', type=float, metavar='FPS')
    add('--tracks', 'auto: those of the boxes, else linked by ByteTrack; '
        'none: each box on its own. Default: auto', choices=['auto', 'none'])
    add('--every', 'keep each such frame, neighbouring ones look alike; '
        f'default: {usual.every}', type=int, metavar='FRAMES')
    add('--clip', 'take so many frames in turn as a camera of their own, in '
        'which a person is seen once and not again and again', type=int,
        metavar='FRAMES')
    add('--min-height', f'of a crop in pixels; default: {usual.min_height}',
        type=int, metavar='PIXELS')
    add('--min-score', 'of a box; default: 0.5 if all scores are between 0 '
        'and 1, else none', type=float, metavar='SCORE')
    add('--min-visibility', 'visible part that annotations of MOT16 and '
        f'later tell; default: {usual.min_visibility}', type=float,
        metavar='SHARE')
    add('--detector', 'of torchvision, for a video without boxes; default: '
        f'{usual.detector}', metavar='NAME')
    add('--detector-weights', 'its weights; default: downloaded', type=Path,
        metavar='FILE')


def recording_options(args: argparse.Namespace) -> RecordingOptions:
    """Those of a command line."""
    usual = RecordingOptions()._asdict()
    return RecordingOptions(**{name: getattr(args, name) for name in usual})
