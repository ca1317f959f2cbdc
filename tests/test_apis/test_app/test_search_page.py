"""Tests of what the search page does, without a page."""

import csv
import io
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
from mmreidmix.apis.app.search_options import (
    Level,
    PageError,
    SearchOptions,
    levels,
)
from mmreidmix.apis.app.search_page import SearchPage
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
    extract_to_gallery(inferencer, root.joinpath, names, tmp_path / 'gallery',
                       PathReader('market1501'))
    gallery = Gallery.open(tmp_path / 'gallery', read_only=True)
    return SearchPage(gallery, inferencer, root)


def names(page, shown):
    return [entry.name for entry in page.gallery.entries(
        [own.id for own in shown])]


def test_an_uploaded_picture_finds_itself_first(page, root):
    name = sorted(os.listdir(root))[3]
    query = page.uploaded(str(root / name))
    answer = page.search(query, SearchOptions(topk=5))
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
    for level, threshold in (('Normal', .5), ('Strict', .8)):
        answer = page.search(query, SearchOptions(level=level))
        assert answer.threshold.threshold == threshold
        assert len(answer.above) == sum(s >= threshold for s in scores)
        assert len(answer.below) == sum(s < threshold for s in scores)
        assert answer.reached == len(answer.above)
        assert answer.searched == len(scores) == 9
    assert page.search(query).threshold.fmr == .01


def test_a_list_that_is_cut_counts_the_rest(page, root):
    query = page.uploaded(root / sorted(os.listdir(root))[3])
    whole = page.search(query)
    for second_look in (False, True):
        answer = page.search(
            query, SearchOptions(topk=1, second_look=second_look))
        assert len(answer.above) == 1 and not answer.below
        assert answer.reached == len(whole.above) > 1


def test_without_thresholds(page, inferencer, root, monkeypatch):
    monkeypatch.setattr(inferencer, 'thresholds', None)
    page = SearchPage(page.gallery, inferencer, root)
    answer = page.search(page.example())
    assert page.levels == []
    assert answer.threshold is None and not answer.above
    assert answer.reached == 0 and len(answer.below) == 8
    with pytest.raises(PageError, match='Choose one of'):
        page.search(page.example(), SearchOptions(level='Normal'))


@pytest.mark.parametrize('rates, expected', [
    ([], []), ([.01], [('Normal', .01)]),
    ([.01, .001], [('Strict', .001), ('Normal', .01)]),
    ([.05, .001, .01], [('Strict', .001), ('Normal', .01), ('Wide', .05)]),
    ([.1, .05, .01, .001, .0001],
     [('Strict', .0001), ('Normal', .01), ('Wide', .1)])])
def test_levels(rates, expected):
    stored = dict(thresholds=[dict(fmr=rate) for rate in rates])
    assert levels(stored) == expected
    assert levels(None) == []
    assert str(Level('Wide', .05)) == 'Wide: lets 1 in 20 others through'


def test_the_example_is_a_picture_that_can_be_read(page):
    query = page.example()
    first, second, *_ = page.gallery.entries(page.gallery.ids)
    assert first.name == '0000_c1s1_000000_00.jpg'  # leads outside the root
    assert query.match.name == second.name and query.image.std() > 0


def test_the_table(page):
    query = page.example()
    answer = page.search(query, SearchOptions(topk=3))
    rows = list(csv.reader(io.StringIO(answer.table)))
    assert rows[0] == [
        'rank', 'score', 'line', 'camera', 'time', 'track', 'name']
    shown = answer.above + answer.below
    assert [row[6] for row in rows[1:]] == names(page, shown)
    assert [row[2] for row in rows[1:]] == (
        ['above'] * len(answer.above) + ['below'] * len(answer.below))
    for own, row in zip(shown, rows[1:]):
        assert own.caption.startswith(f'#{row[0]} · score {row[1][:4]}')


@pytest.fixture
def station(inferencer, root):
    """A page with times and tracklets, and formulas as names."""
    files = sorted(root.glob('0*_c*'))[1:]
    shutil.copy(files[0], root / '=1+1.jpg')
    names = ['=1+1.jpg', *(file.name for file in files[:5])]
    gallery = Gallery(128, inferencer.sha256)
    gallery.add(inferencer([root / name for name in names]), names,
                camids=[1, 1, 1, 2, 2, -1],
                times=[0, 100, 200, 300, 400, np.nan],
                tracklets=[7, 7, 8, 9, 9, -1])
    return SearchPage(gallery, inferencer, root)


@pytest.mark.parametrize('options, ids, own', [
    (dict(), [1, 2, 3, 4, 5], 1),
    (dict(camids=[1]), [1, 2], 1),
    (dict(camera=1, other_cameras=True), [3, 4, 5], 0),
    (dict(camera=1), [1, 2, 3, 4, 5], 1),
    (dict(after='200'), [2, 3, 4], 0),
    (dict(before=' 1970-01-01T00:05 '), [1, 2], 1),
    (dict(after='100', before='301', camids=[2]), [3], 0),
    (dict(tracks='8, 9'), [2, 3, 4], 0),
    (dict(tracks='77'), [], 0)])
def test_filters(station, options, ids, own):
    query = station.chosen(0)
    answer = station.search(query, SearchOptions(**options))
    assert sorted(own.id for own in answer.above + answer.below) == ids
    # itself is searched too where it passes the filters
    assert answer.searched == len(ids) + own


def test_each_track_once(station):
    answer = station.search(
        station.chosen(0), SearchOptions(track_once=True))
    tracks = [entry.tracklet for entry in station.gallery.entries(
        [own.id for own in answer.above + answer.below])]
    assert sorted(map(str, tracks)) == ['8', '9', 'None']  # not its own
    assert station.track == 7 and station.times == (0, 400)


def test_a_name_is_no_formula(station):
    answer = station.search(station.chosen(1))
    assert "'=1+1.jpg" in answer.table and '\ntrack 7\n' in (
        answer.above[0].caption)


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
    answer = page.search(query, SearchOptions(
        camids=[2], topk=100, second_look=True))
    found = page.gallery.entries(
        [own.id for own in answer.above + answer.below])
    assert found and {entry.camid for entry in found} == {2}


@pytest.mark.parametrize('options, message', [
    (dict(topk=0), 'from 1 to 100'), (dict(topk=101), 'from 1 to 100'),
    (dict(topk=None), 'from 1 to 100'), (dict(camids=[77]), 'out of'),
    (dict(camera=77), 'out of'), (dict(level='Loose'), 'Choose one of'),
    (dict(other_cameras=True), 'which camera took the picture'),
    (dict(after='noon'), "'noon' is no time"),
    (dict(before='nan'), "'nan' is no time"),
    (dict(after='20', before='10'), 'exchange them'),
    (dict(tracks='7, a'), "'a' is no track"),
    (dict(tracks='-7'), "'-7' is no track"),
    (dict(tracks='9' * 30), 'is no track')])
def test_options_out_of_range(page, options, message):
    with pytest.raises(PageError, match=message):
        page.search(page.chosen(page.gallery.ids[0]),
                    SearchOptions(**options))


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
