import cv2
import numpy as np
import pytest

from mmreidmix.datasets import Domain
from mmreidmix.datasets.transforms.loading import decode_image, read_image
from mmreidmix.importing.heads import blur_head, encode
from tests.toy_recordings import convert, sequence


def noise(height=128, width=64, seed=0):
    """A picture whose neighbouring pixels have nothing in common."""
    return np.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=np.uint8)


def detail(image):
    """Mean difference of neighbouring pixels."""
    return np.abs(np.diff(image.astype(float), axis=1)).mean()


@pytest.mark.parametrize('size', [(128, 64), (40, 12), (300, 150), (3, 1)])
def test_the_top_loses_its_detail_and_nothing_else_changes(size):
    image = noise(*size)
    blurred = blur_head(image, 0.25)
    line = int(np.ceil(size[0] / 4))
    assert (blurred[line:] == image[line:]).all()
    assert blurred.shape == image.shape and blurred.dtype == np.uint8
    if size[1] > 6:
        assert detail(blurred[:line]) < detail(image[:line]) / 8


def test_what_is_left_of_a_face_is_a_few_colours():
    """Two faces that differ in detail alone are the same afterwards."""
    image = np.full((120, 60, 3), 128, np.uint8)
    other = image.copy()
    image[:30] = 128 + 100 * (np.indices((30, 60)).sum(0) % 2)[..., None] - 50
    other[:30] = 128 - 100 * (np.indices((30, 60)).sum(0) % 2)[..., None] + 50
    difference = blur_head(image, 0.25).astype(int) - blur_head(other, 0.25)
    assert np.abs(difference).max() <= 2
    assert np.abs(image.astype(int) - other).max() == 100


def test_all_and_nothing():
    image = noise()
    assert (blur_head(image, 0) == image).all()
    assert detail(blur_head(image, 1)) < 10


def folder_of_images(folder):
    folder.mkdir()
    for name in ('1_c1.jpg', '1_c2.png'):
        (folder / name).write_bytes(encode(noise(), name))
    return folder


@pytest.mark.parametrize('pack', [(), ('--pack', )])
def test_any_source_can_be_blurred(tmp_path, pack):
    source = folder_of_images(tmp_path / 'in')
    rows, info = convert(source, tmp_path / 'out', '--pattern', 'none',
                         '--blur-heads', 0.3, *pack)
    assert [row['blurred'] for row in rows] == [0.3, 0.3]
    assert info['made_with']['blur_heads'] == 0.3
    assert info.get('images') == (None if pack else 'images')
    dataset = Domain(tmp_path / 'out')
    for i, name in enumerate(('1_c1.jpg', '1_c2.png')):
        before = read_image(source / name)
        image = read_image(dataset.image_path(i))
        assert detail(image[:39]) < detail(before[:39]) / 6
        # Below the blocks of JPEG that the line cuts.
        np.testing.assert_allclose(
            image[48:].astype(int), before[48:],
            atol=0 if name.endswith('png') else 60)
        error = np.abs(image[48:].astype(int) - before[48:]).mean()
        assert error < 10


def test_images_are_not_encoded_again_without_need(tmp_path):
    source = folder_of_images(tmp_path / 'in')
    rows, info = convert(source, tmp_path / 'out', '--pattern', 'none')
    assert 'blurred' not in rows[0] and info['images'] == str(source)


def test_an_upright_picture_is_blurred_at_its_top(tmp_path):
    """A camera held sideways says so in the file, and readers turn it."""
    from PIL import Image
    (tmp_path / 'in').mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = cv2.rotate(noise(), cv2.ROTATE_90_COUNTERCLOCKWISE)
    Image.fromarray(turned).save(tmp_path / 'in/a.jpg', exif=exif)
    convert(tmp_path / 'in', tmp_path / 'out', '--pattern', 'none',
            '--blur-heads')
    image = read_image(tmp_path / 'out/images/a.jpg')
    assert image.shape == (128, 64, 3)
    assert detail(image[:32]) < 10 < detail(image[48:])


def test_crops_of_recordings(tmp_path):
    source = sequence(tmp_path / 'a', ['1,1,11,1,20,50'])
    cv2.imwrite(str(source / 'img1/000001.jpg'), noise(60, 80))
    rows, _ = convert(source, tmp_path / 'out', '--blur-heads')
    assert rows[0]['blurred'] == 0.25
    crop = read_image(tmp_path / 'out/images' / rows[0]['path'])
    assert detail(crop[:12]) < 10 < detail(crop[16:])


@pytest.mark.parametrize('share', ['1.5', 'x', '-1', 'nan'])
def test_shares_that_are_none(tmp_path, share, capsys):
    with pytest.raises(SystemExit):
        convert(tmp_path, tmp_path / 'out', '--blur-heads', share)
    assert 'blur-heads' in capsys.readouterr().err


def test_a_damaged_image_is_named(tmp_path):
    source = folder_of_images(tmp_path / 'in')
    (source / '1_c1.jpg').write_bytes(b'no image')
    with pytest.raises(OSError, match='1_c1.jpg'):
        convert(source, tmp_path / 'out', '--pattern', 'none', '--blur-heads')
    assert not (tmp_path / 'out').exists()


def test_formats():
    image = noise()
    assert (decode_image(encode(image, 'a.PNG'), 'a') == image).all()
    assert encode(image, 'a.jpeg')[:2] == b'\xff\xd8'
