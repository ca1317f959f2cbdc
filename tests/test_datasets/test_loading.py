import errno
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.datasets.transforms import loading
from mmreidmix.datasets.transforms.loading import (
    ImageReadError,
    LoadReIDImage,
    find_damage,
    image_size,
    read_image,
)

RAMP = np.stack([
    np.tile(np.arange(32, dtype=np.uint8) * 8, (64, 1)),
    np.tile(np.arange(64, dtype=np.uint8)[:, None] * 4, (1, 32)),
    np.full((64, 32), 77, np.uint8)
], axis=2)


def encode(suffix):
    return cv2.imencode(suffix, RAMP)[1].tobytes()


JPEG, PNG = encode('.jpg'), encode('.png')


def write(folder, data, name='a.jpg'):
    path = folder / name
    path.write_bytes(data)
    return path


def test_png_is_read_as_bgr(tmp_path):
    np.testing.assert_array_equal(
        read_image(write(tmp_path, PNG, 'a.png')), RAMP)


def test_content_not_suffix_tells_the_format(tmp_path):
    image = read_image(write(tmp_path, JPEG, 'a.png'))
    assert image.shape == RAMP.shape
    assert np.abs(image.astype(int) - RAMP).mean() < 5


def test_grey_image_gets_three_channels(tmp_path):
    path = tmp_path / 'grey.png'
    cv2.imwrite(str(path), RAMP[..., 0])
    image = read_image(path)
    np.testing.assert_array_equal(image, RAMP[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.webp', '.tiff'])
def test_size_is_read_from_the_header(suffix):
    assert image_size(encode(suffix)) == (32, 64)
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    assert image_size(cv2.imencode(
        '.jpg', RAMP, progressive)[1].tobytes()) == (32, 64)


@pytest.mark.parametrize('data', [b'', b'x', PNG[:12], JPEG[:5], b'BM'])
def test_a_header_that_is_not_there(data):
    assert image_size(data) == (0, 0)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp'])
def test_huge_images_are_not_decoded(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(loading, 'MOST_PIXELS', 32 * 64)
    read_image(write(tmp_path, encode(suffix)))
    monkeypatch.setattr(loading, 'MOST_PIXELS', 32 * 64 - 1)
    monkeypatch.delattr(cv2, 'imdecode')
    with pytest.raises(ImageReadError, match=(
            'a.jpg: the image has 32 x 64 pixels, more than 2,047: it is')):
        read_image(write(tmp_path, encode(suffix)))


def test_transform_adds_image_and_shapes(tmp_path):
    path = write(tmp_path, PNG)
    results = LoadReIDImage()({'img_path': str(path), 'index': 5})
    np.testing.assert_array_equal(results['img'], RAMP)
    assert results['img_shape'] == results['ori_shape'] == (64, 32)
    assert results['index'] == 5


def test_transform_is_registered():
    from mmreidmix.registry import TRANSFORMS
    assert isinstance(
        TRANSFORMS.build({'type': 'LoadReIDImage'}), LoadReIDImage)


@pytest.mark.parametrize('data, word', [
    (b'', 'empty'),
    (b'not an image', 'not an image'),
    (JPEG[:len(JPEG) // 2], 'JPEG is cut short'),
    (JPEG[:-1], 'JPEG is cut short'),
    (PNG[:len(PNG) // 2], 'PNG is cut short'),
    (PNG[:-4], 'PNG is cut short'),
])
def test_damage_names_file_and_fault(tmp_path, data, word):
    path = write(tmp_path, data, 'bad.jpg')
    with pytest.raises(ImageReadError, match=word) as error:
        read_image(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(ImageReadError, match='no.jpg: cannot be opened'):
        read_image(tmp_path / 'no.jpg')


@given(st.integers(min_value=2, max_value=len(JPEG) - 1))
def test_every_cut_jpeg_is_noticed(length):
    assert 'cut short' in find_damage(JPEG[:length])


@given(st.integers(min_value=8, max_value=len(PNG) - 1))
def test_every_cut_png_is_noticed(length):
    assert 'cut short' in find_damage(PNG[:length])


@given(st.binary(max_size=64))
def test_bytes_after_the_end_are_no_damage(tail):
    assert find_damage(JPEG + tail) == find_damage(PNG + tail) == ''


def test_end_of_an_embedded_thumbnail_is_not_the_end():
    thumbnail = b'\xff\xe1' + (len(JPEG) + 2).to_bytes(2, 'big') + JPEG
    whole = JPEG[:2] + thumbnail + JPEG[2:]
    assert find_damage(whole) == ''
    assert 'cut short' in find_damage(whole[:-200])


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp'])
def test_short_of_memory_is_not_damaged(tmp_path, suffix):
    path = tmp_path / f'large{suffix}'
    cv2.imwrite(str(path), np.zeros((4000, 4000, 3), np.uint8))
    # The limit is for a process of its own.
    code = f'''
import re, resource
from mmreidmix.datasets.transforms.loading import read_image
read_image({str(path)!r})
status = open('/proc/self/status').read()
used = int(re.search(r'VmSize:\\s+(\\d+)', status)[1])
limit = used * 1024 + 30_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read_image({str(path)!r})
except MemoryError as error:
    print(error)
'''
    end = subprocess.run([sys.executable, '-c', code], text=True,
                         capture_output=True, check=False)
    assert end.returncode == 0, end.stderr
    assert end.stdout.startswith(f'{path}: ')


def test_no_file_handle_is_not_damaged(tmp_path, monkeypatch):
    path = write(tmp_path, JPEG)

    def no_handle(*args):
        raise OSError(errno.EMFILE, 'Too many open files', str(path))

    monkeypatch.setattr('builtins.open', no_handle)
    with pytest.raises(OSError, match='Too many') as error:
        read_image(path)
    assert not isinstance(error.value, ImageReadError)


@pytest.mark.parametrize('limit, together', [(2047, 1), (2048, 3)])
def test_large_images_are_decoded_one_at_a_time(
        tmp_path, monkeypatch, limit, together):
    """So memory does not grow with the threads; RAMP has 2,048 pixels."""
    path, decode = write(tmp_path, PNG), cv2.imdecode
    running, most = [], []
    meeting = threading.Barrier(3)

    def watched(*args):
        running.append(1)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(2)
        most.append(len(running))
        image = decode(*args)
        running.pop()
        return image

    monkeypatch.setattr(loading, '_LARGE', limit)
    monkeypatch.setattr(loading.cv2, 'imdecode', watched)
    with ThreadPoolExecutor(3) as pool:
        images = list(pool.map(read_image, [path] * 3))
    assert max(most) == together
    for image in images:
        np.testing.assert_array_equal(image, RAMP)
