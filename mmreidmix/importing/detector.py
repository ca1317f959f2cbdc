"""People found in a video by a detector of torchvision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Optional

import numpy as np

from mmreidmix.checks import name_some

from .boxes import Boxes, make_boxes, read_boxes
from .progress import progress
from .recordings import Recording, open_video

#: Found in an image (H, W, 3), BGR: (N, 5) x, y, width, height and score; the
#: first pixel is 0.
Detector = Callable[[np.ndarray], np.ndarray]

_PERSON = 1  # of COCO's categories
# Weaker boxes are of no use, not even to go on with a track.
_LEAST_SCORE = 0.1


def build_detector(name: str, weights: Optional[Path]) -> Detector:
    """A detector of torchvision with weights for COCO's categories.

    Args:
        name (str): such as 'fasterrcnn_mobilenet_v3_large_320_fpn'.
        weights (Path, optional): a state dict. Default: torchvision's own,
            downloaded once.

    Raises:
        ValueError: there is no such detector, or the weights are of another.
        FileNotFoundError: the weights are not there, or can not be
            downloaded.
        ImportError: torchvision is not whole.
    """
    import torch
    from torchvision import models
    known = models.list_models(module=models.detection)
    if name not in known:
        raise ValueError(f'--detector is {name!r}; torchvision has '
                         f'{name_some(known, len(known))}')
    if not hasattr(torch.ops.torchvision, 'nms'):
        raise ImportError(
            'torchvision lacks its compiled operators, because it is of '
            'another build than torch: install both from one place (see '
            'pytorch.org), or give the boxes of any detector by --boxes FILE')
    model = models.get_model(name, weights=None, weights_backbone=None)
    state = _state(name, weights)
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f'{weights} has no weights of {name}: '
                         f'{str(error).splitlines()[0]}') from None
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model.eval().to(device)

    @torch.inference_mode()
    def detect(image: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(image[..., ::-1].copy()).to(device)
        found = model([pixels.permute(2, 0, 1).float() / 255])[0]
        kept = (found['labels'] == _PERSON) & (found['scores'] >= _LEAST_SCORE)
        boxes = found['boxes'][kept]
        boxes[:, 2:] -= boxes[:, :2]
        return torch.cat([boxes, found['scores'][kept, None]], 1).cpu().numpy()

    return detect


def _state(name: str, weights: Optional[Path]) -> Any:
    import torch
    from torchvision.models import get_model_weights
    if weights is not None:
        if not weights.is_file():
            raise FileNotFoundError(f'--detector-weights: {weights} is not '
                                    'there')
        try:
            return torch.load(weights, map_location='cpu', weights_only=True)
        except Exception as error:  # the loader fails in many ways
            raise ValueError(f'{weights} is no file of weights: '
                             f'{str(error).splitlines()[0]}') from None
    usual = get_model_weights(name).DEFAULT
    try:
        return usual.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise FileNotFoundError(
            f'the weights of the detector can not be downloaded ({error}). '
            f'Get {usual.url} by other means and name the file by '
            '--detector-weights, or give the boxes of any detector by '
            '--boxes FILE (frame,-1,x,y,width,height,score)') from None


def detect_boxes(recording: Recording, file: Path,
                 detector: Detector) -> Boxes:
    """Boxes of all frames of a video.

    They are kept in a file frame by frame, so that a stopped call goes on.

    Args:
        recording (Recording): a video.
        file (Path): where the boxes are kept.
        detector (Detector): finds people.

    Raises:
        ValueError: the video can not be read to its end.
    """
    first = _cut_to_whole_frames(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, 'a', encoding='utf-8') as stream:
        for frame, image in _all_frames(recording, first):
            _write(stream, frame, detector(image))
    if not file.stat().st_size:
        return make_boxes([])
    return read_boxes(file)[0]


def _cut_to_whole_frames(file: Path) -> int:
    """Forget the last frame, which may be there in part; returns it."""
    if not file.is_file():
        return 1
    lines = file.read_text('utf-8').splitlines(keepends=True)
    whole = [line for line in lines if line.endswith('\n')]
    last = int(whole[-1].partition(',')[0]) if whole else 1
    file.write_text(''.join(
        line for line in whole if int(line.partition(',')[0]) < last),
        'utf-8')
    return last


def _all_frames(recording: Recording,
                first: int) -> Iterator[tuple[int, np.ndarray]]:
    import cv2
    capture = open_video(recording.source)
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    frame = 0
    with progress(f'find people in {recording.name}', max(total, 0),
                  'frames') as advance:
        while capture.grab():
            frame += 1
            if frame >= first:
                yield frame, _decoded(capture, recording, frame)
            advance(1)
    # What the head of a file says may be some frames off.
    if frame < total - max(recording.rate or 0, 0.01 * total):
        raise ValueError(
            f'{recording.source} can not be read behind frame {frame}, but '
            f'says that it has {total:,} frames: it is damaged or cut short')


def _decoded(capture: Any, recording: Recording, frame: int) -> np.ndarray:
    good, image = capture.retrieve()
    if not good:
        raise ValueError(f'{recording.source}: frame {frame} can not be '
                         'decoded')
    return image


def _write(stream: IO[str], frame: int, found: np.ndarray) -> None:
    """Lines of MOTChallenge, whose first pixel is 1."""
    stream.write(''.join(
        f'{frame},-1,{x + 1:.2f},{y + 1:.2f},{wide:.2f},{high:.2f},'
        f'{score:.6f}\n' for x, y, wide, high, score in found.tolist()))
    stream.flush()
