import copy
import json

import cv2
import numpy as np
import pytest

from tests.toy_recordings import convert, frame, images_of

IMAGES = [dict(id=i, file_name=name, width=80, height=60, frame=number)
          for i, name, number in ((7, 'b.png', 10), (8, 'a.png', 0),
                                  (9, 'c.png', 5))]
PEOPLE = [
    dict(id=1, image_id=8, category_id=2, bbox=[10, 0, 20, 50], track_id=4),
    dict(id=2, image_id=9, category_id=2, bbox=[12, 0, 20, 50],
         attributes=dict(track_id=4), score=0.75),
    dict(id=3, image_id=7, category_id=2, bbox=[14.4, 0, 20, 50],
         instance_id=5, iscrowd=0),
    dict(id=4, image_id=7, category_id=2, bbox=[14, 0, 20, 50], iscrowd=1),
    dict(id=5, image_id=7, category_id=2, bbox=[14, 0, 20, 50], ignore=True),
    dict(id=6, image_id=7, category_id=3, bbox=[99, 0, 20, 50]),
]


@pytest.fixture
def coco(tmp_path):
    """Write annotations, and the images that they name; returns the file."""
    def write(images=IMAGES, annotations=PEOPLE, categories=(
            dict(id=3, name='dog'), dict(id=2, name='Person'))):
        for number, image in enumerate(images):
            path = tmp_path / 'frames' / image['file_name']
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), frame(10 * number))
        file = tmp_path / 'coco.json'
        file.write_text(json.dumps(dict(
            images=images, annotations=annotations,
            categories=list(categories))))
        return file
    return write


def test_tracks_and_frames(tmp_path, coco, capsys):
    rows, _ = convert(tmp_path / 'frames', tmp_path / 'out', '--boxes', coco(),
                      '--every', 1, '--frame-rate', 5)
    assert images_of(rows) == [
        'frames/t0004/000001_000.jpg', 'frames/t0004/000006_000.jpg',
        'frames/t0005/000011_000.jpg']
    assert [row['time'] for row in rows] == [0, 1, 2]
    assert [row['score'] for row in rows] == [1, 0.75, 1]
    assert [row['left'] for row in rows] == [10, 12, 14]
    assert '2 to be ignored or no person' in capsys.readouterr().out
    crop = cv2.imread(str(tmp_path / 'out/images' / rows[1]['path']))
    np.testing.assert_allclose(crop, frame(20)[:50, 12:32], atol=4)


def test_folders_are_recordings_and_names_are_sorted(tmp_path, coco):
    images = [dict(id=name, file_name=name) for name in (
        'x/b.png', 'x/a.png', 'y/a.png')]
    people = [dict(image_id=image['id'], category_id=2, bbox=[0, 0, 20, 50],
                   track_id=1) for image in images]
    rows, _ = convert(tmp_path / 'frames', tmp_path / 'out', '--boxes',
                      coco(images, people), '--every', 2)
    assert images_of(rows) == ['x/t0001/000001_000.jpg',
                               'y/t0001/000001_000.jpg']
    assert [row['camid'] for row in rows] == ['x', 'y']


def changed(path, value):
    """Annotations with one value changed."""
    content = dict(images=copy.deepcopy(IMAGES), annotations=copy.deepcopy(
        PEOPLE[:2]))
    *keys, last = path
    place = content
    for key in keys:
        place = place[key]
    place[last] = value
    return content


@pytest.mark.parametrize('content, message', [
    (dict(categories=[dict(id=1, name='dog')]),
     "no category is named 'person'; there are 'dog'"),
    (dict(images=[dict(id=1)]), "KeyError: 'file_name'"),
    (dict(annotations=[3]), 'TypeError.*Expected the keys'),
    (changed(['images', 1, 'id'], 7), 'two images have the id 7'),
    (changed(['images', 1, 'frame'], 10), 'whole number as `frame`'),
    (changed(['images', 1, 'frame'], None), 'whole number as `frame`'),
    (changed(['images', 1, 'width'], 90),
     r'a.png \(frame 1\) has 80 x 60 pixels, but .*of 90 x 60'),
    (changed(['annotations', 0, 'image_id'], 5), 'of the image 5, which'),
    (changed(['annotations', 0, 'bbox'], [1, 2, 3]), 'annotation 1 has the b'),
    (changed(['annotations', 0, 'bbox'], [1, 2, 3, 'x']), 'annotation 1'),
    (changed(['annotations', 0, 'bbox'], [1, 2, 3, float('nan')]),
     'annotation 1'),
    (changed(['annotations', 0, 'track_id'], 'x'), "the track 'x'"),
    (changed(['annotations', 0, 'bbox'], [90, 0, 20, 50]),
     r'coco.json: frame 1: the box 91, 1, 20, 50 .* no pixel'),
])
def test_mistakes(tmp_path, coco, content, message):
    file = coco()
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, **content}))
    with pytest.raises(ValueError, match=message):
        convert(tmp_path / 'frames', tmp_path / 'out', '--boxes', file)
    assert not (tmp_path / 'out').exists()


def test_missing_images_and_text_that_is_no_json(tmp_path, coco):
    file = coco()
    (tmp_path / 'frames/a.png').unlink()
    with pytest.raises(FileNotFoundError, match="coco.json: 1 of 3 .*'a.png'"):
        convert(tmp_path / 'frames', tmp_path / 'out', '--boxes', file)
    file.write_text('[')
    with pytest.raises(ValueError, match='coco.json is no JSON'):
        convert(tmp_path / 'frames', tmp_path / 'out', '--boxes', file)
    file.write_text('[]')
    with pytest.raises(ValueError, match='Expected the keys images'):
        convert(tmp_path / 'frames', tmp_path / 'out', '--boxes', file)
