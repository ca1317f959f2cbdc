"""Boxes of people in COCO's format, with or without numbers of tracks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from mmreidmix.checks import name_some
from mmreidmix.datasets.file_names import check_entries
from mmreidmix.files import read_text

from .boxes import make_boxes
from .recordings import Recording

_PERSON = 'person'
_FRAME_KEYS = ('frame', 'frame_id')
_TRACK_KEYS = ('track_id', 'instance_id')
_LEFT_OUT = ('iscrowd', 'ignore')


def read_coco(file: Path, folder: Path) -> list[Recording]:
    """Frames and people of a file of annotations.

    Each folder that the images lie in is a recording. Its frames are numbered
    as ``frame`` (or ``frame_id``) of the images says, the least as 1, or in
    the order of their names. The track of a box is ``track_id`` or
    ``instance_id`` of the annotation or of its ``attributes``. Boxes of a
    crowd or to be ignored are left out and counted, those of other things
    than people are not.

    Args:
        file (Path): COCO annotations.
        folder (Path): what the names of images are relative to.

    Raises:
        ValueError: the file is not of that form; what is wrong is named.
        FileNotFoundError: an image is missing.
    """
    try:
        content = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise ValueError(f'{file} is no JSON: {error}') from None
    try:
        images, annotations, person = _lists(content, file)
        check_entries(folder, [image['file_name'] for image in images], file)
        place_of = _places(images, file)
        boxes, ignored = _boxes(annotations, person, place_of, file)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{file}: {type(error).__name__}: {error}. Expected the keys '
            'images (id, file_name, width, height), annotations (image_id, '
            'category_id, bbox) and categories (id, name)') from None
    found = {name: Recording(
        name or folder.resolve().name, folder / name, origin=file,
        boxes=make_boxes(boxes[name]), ignored=ignored[name])
        for name, _ in place_of.values()}
    for image in images:
        name, frame = place_of[image['id']]
        found[name].files[frame] = folder / image['file_name']
        if 'width' in image and 'height' in image:
            found[name].sizes[frame] = image['width'], image['height']
    return list(found.values())


def _lists(content: Any, file: Path) -> tuple[list, list, Any]:
    """Images, annotations and the number of the category of people."""
    images, annotations = content['images'], content['annotations']
    names = {c['name'].lower(): c['id'] for c in content['categories']}
    if _PERSON not in names:
        raise ValueError(f'{file}: no category is named {_PERSON!r}; there '
                         f'are {name_some(names)}')
    return images, annotations, names[_PERSON]


def _places(images: Sequence[Mapping],
            file: Path) -> dict[Any, tuple[str, int]]:
    """Number of an image -> name of its recording, number of its frame."""
    by_folder = defaultdict(list)
    for image in images:
        by_folder[image['file_name'].rpartition('/')[0]].append(image)
    places = {}
    for folder, members in by_folder.items():
        numbers = [_first(image, _FRAME_KEYS) for image in members]
        if all(number is None for number in numbers):
            members.sort(key=lambda image: image['file_name'])
            numbers = list(range(1, len(members) + 1))
        elif not all(type(number) is int for number in numbers) or len(
                set(numbers)) < len(numbers):
            raise ValueError(f'{file}: the images of {folder or "."!r} need '
                             'a whole number as `frame`, each another one')
        least = min(numbers)
        for image, number in zip(members, numbers):
            if image['id'] in places:
                raise ValueError(f'{file}: two images have the id '
                                 f'{image["id"]!r}')
            places[image['id']] = folder, number - least + 1
    return places


def _boxes(annotations: Sequence[Mapping], person: Any,
           place_of: Mapping[Any, tuple[str, int]], file: Path
           ) -> tuple[Mapping[str, list], Mapping[str, int]]:
    """Rows of :func:`make_boxes` and number of ignored boxes, by folder."""
    rows: dict[str, list] = defaultdict(list)
    ignored: dict[str, int] = defaultdict(int)
    for annotation in annotations:
        if annotation['category_id'] != person:
            continue
        if annotation['image_id'] not in place_of:
            raise ValueError(f'{file}: an annotation is of the image '
                             f'{annotation["image_id"]!r}, which is not there')
        folder, frame = place_of[annotation['image_id']]
        if any(annotation.get(key) for key in _LEFT_OUT):
            ignored[folder] += 1
            continue
        rows[folder].append((frame, *_row(annotation, file)))
    return rows, ignored


def _row(annotation: Mapping, file: Path) -> tuple[float, ...]:
    """Track, box, score and visible part."""
    track = _first(annotation, _TRACK_KEYS)
    if track is None:
        track = _first(annotation.get('attributes') or {}, _TRACK_KEYS)
    track = -1 if track is None else track
    numbers = [track, *annotation['bbox'], annotation.get('score', 1)]
    if len(numbers) != 6 or type(track) is not int or not all(
            type(n) in (int, float) and abs(n) < 1e9 for n in numbers):
        raise ValueError(
            f'{file}: annotation {annotation.get("id")!r} has the bbox '
            f'{annotation["bbox"]}, the track {track!r} and the score '
            f'{annotation.get("score", 1)!r}; expected x, y, width, height '
            'and a score as numbers, the track as a whole one')
    left, top = annotation['bbox'][:2]
    # COCO's first pixel is 0.
    return (track, left + 1, top + 1, *numbers[3:], 1)


def _first(mapping: Mapping, keys: Sequence[str]) -> Optional[Any]:
    """The value of the first key that has one."""
    return next((mapping[key] for key in keys
                 if mapping.get(key) is not None), None)
