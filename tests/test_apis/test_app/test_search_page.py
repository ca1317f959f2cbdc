"""Tests of what the search page does, without a page."""

import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmreidmix.apis import Gallery, GalleryError, ReIDInferencer
from mmreidmix.apis.app.gallery_filling import (
    extract_to_gallery,
    find_images,
)
from mmreidmix.apis.app.path_parsing import PathReader
from mmreidmix.apis.app.safe_images import inside, thumbnail
from mmreidmix.apis.app.search_page import PageError, SearchPage
from tests.tiny_gallery import embeddings


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ReIDInferencer(checkpoint, device='cpu')


@pytest.fixture
def root(pictures, tmp_path):
    """Pictures, of which one is a link to a file outside."""
    root = tmp_path / 'root'
    root.mkdir()
    for path in pictures[:8]:
        shutil.copy(path, root)
    shutil.copy(pictures[9], tmp_path / 'secret.jpg')
    os.symlink(tmp_path / 'secret.jpg', root / '0000_c1s1_000000_00.jpg')
    return root


@pytest.fixture
def page(inferencer, root, tmp_path):
    _, names = find_images([root])
    extract_to_gallery(inferencer, root, names, tmp_path / 'gallery',
                       PathReader('market1501'))
    gallery = Gallery.open(tmp_path / 'gallery', read_only=True)
    return SearchPage(gallery, inferencer, root)


def names(page, shown):
    return [entry.name for entry in page.gallery.entries(
        [own.id for own in shown])]


def test_an_uploaded_picture_finds_itself_first(page, root):
    name = sorted(os.listdir(root))[3]
    query = page.uploaded(str(root / name))
    answer = page.search(query, topk=5, fmr=.01)
    shown = answer.above + answer.below
    assert len(shown) == 5
    assert names(page, shown)[0] == name
    assert shown[0].caption.startswith('#1 · score 1.000\ncamera ')
    assert shown[0].caption.endswith(f'\n{name}')
    np.testing.assert_array_equal(shown[0].image, query.image)


def test_the_line_cuts_the_list(page, root):
    query = page.uploaded(root / sorted(os.listdir(root))[3])
    scores = [match.score for match in page.gallery.search(
        query.embedding, 9)[0]]
    for fmr, threshold in ((.01, .5), (.001, .8)):
        answer = page.search(query, fmr=fmr)
        assert answer.threshold.threshold == threshold
        assert len(answer.above) == sum(s >= threshold for s in scores)
        assert len(answer.below) == sum(s < threshold for s in scores)
    assert page.search(query).threshold.fmr == .01
    page.inferencer.thresholds, kept = None, page.inferencer.thresholds
    try:
        answer = page.search(query)
        assert answer.threshold is None and not answer.above
    finally:
        page.inferencer.thresholds = kept


def test_a_match_is_searched_on_without_itself(page):
    for image_id in page.gallery.ids[:3]:
        query = page.chosen(image_id)
        answer = page.search(query)
        found = {own.id for own in answer.above + answer.below}
        assert found == set(page.gallery.ids) - {image_id}
        assert query.match.name == page.gallery.entries([image_id])[0].name


def test_cameras_number_and_reranking(page, root):
    assert set(page.camids) == {1, 2}
    query = page.chosen(page.gallery.ids[-1])
    answer = page.search(query, [2], 100, rerank=True)
    found = page.gallery.entries(
        [own.id for own in answer.above + answer.below])
    assert found and {entry.camid for entry in found} == {2}


@pytest.mark.parametrize('options', [
    dict(topk=0), dict(topk=101), dict(camids=[77]), dict(fmr=.5)])
def test_options_out_of_range(page, options):
    with pytest.raises(PageError, match='Choose'):
        page.search(page.chosen(page.gallery.ids[0]), **options)


def test_a_link_to_the_outside_is_grey(page):
    answer = page.search(page.chosen(page.gallery.ids[-1]))
    assert answer.missing == 1
    grey = [own for own in answer.above + answer.below
            if own.image.std() == 0]
    assert names(page, grey) == ['0000_c1s1_000000_00.jpg']
    assert page.chosen(grey[0].id).image.std() == 0


@pytest.mark.parametrize('name', [
    '../secret.jpg', '/etc/passwd', '0000_c1s1_000000_00.jpg',
    'a/../../secret.jpg'])
def test_no_name_leaves_the_root(root, name):
    with pytest.raises(ValueError, match='is not inside'):
        inside(root, name)


def test_names_inside_the_root(root, tmp_path):
    os.symlink(root, tmp_path / 'link')
    name = sorted(os.listdir(root))[2]
    for start in (root, tmp_path / 'link'):
        assert inside(start, name) == (root / name).resolve()


def png(width, height):
    """The begin of a PNG of any size, and its end."""
    def chunk(kind, data):
        return (struct.pack('>I', len(data)) + kind + data +
                struct.pack('>I', zlib.crc32(kind + data)))

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
            + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b''))


@pytest.mark.parametrize('content, message', [
    (b'', 'not an image'), (b'<svg/>', 'not an image'),
    (png(10**4, 10**4), 'pixels'), (png(10**5, 10**5), 'pixels'),
    (png(6, 6)[:40], 'not an image'),
    (png(6, 6)[:-12], 'the PNG is cut short')])
def test_bad_uploads_are_told(page, tmp_path, content, message):
    path = tmp_path / 'upload.png'
    path.write_bytes(content)
    with pytest.raises(PageError, match=message) as error:
        page.uploaded(str(path))
    assert str(tmp_path) not in str(error.value)


def test_thumbnails(tmp_path):
    Image.new('RGB', (300, 900), 'red').save(tmp_path / 'a.png')
    picture = thumbnail(tmp_path / 'a.png', 90)
    assert picture.shape == (90, 30, 3) and picture[0, 0].tolist() == [
        255, 0, 0]
    Image.new('L', (5, 7)).save(tmp_path / 'b.png')
    assert thumbnail(tmp_path / 'b.png').shape == (7, 5, 3)
    Image.new('L', (100_000, 40)).save(tmp_path / 'c.png')
    assert thumbnail(tmp_path / 'c.png').shape == (1, 1024, 3)


def test_galleries_that_do_not_fit(inferencer, page, tmp_path, root):
    with pytest.raises(PageError, match='does not hold the images'):
        SearchPage(page.gallery, inferencer, tmp_path)
    with pytest.raises(PageError, match='is empty'):
        SearchPage(Gallery(4), inferencer, root)
    other = Gallery(4, 'abc')
    other.add(embeddings(1, dim=4), ['a'])
    with pytest.raises(GalleryError, match='of the model abc'):
        SearchPage(other, inferencer, root)
    with pytest.raises(PageError, match='no longer in the gallery'):
        page.chosen(77)
