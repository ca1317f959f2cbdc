"""Tests of galleries made of folders of pictures."""

import shutil

import numpy as np
import pytest

from mmreidmix.apis import Gallery, GalleryError, ReIDInferencer
from mmreidmix.apis.app.gallery_filling import (
    extract_to_gallery,
    find_images,
)
from mmreidmix.apis.app.path_parsing import PathReader
from mmreidmix.datasets.transforms import ImageReadError


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ReIDInferencer(checkpoint, device='cpu', batch_size=3)


@pytest.fixture
def folder(pictures, tmp_path):
    """Eight pictures, one of them empty and one no picture."""
    root = tmp_path / 'pictures'
    (root / 'more').mkdir(parents=True)
    for path in pictures[:6]:
        shutil.copy(path, root / 'more')
    (root / 'a.jpg').write_bytes(b'')
    (root / 'more' / 'z.png').write_text('text')
    return root


def test_find_images(folder, tmp_path):
    root, names = find_images([folder])
    assert root == folder and len(names) == 8 and names == sorted(names)
    root, names = find_images([folder / 'a.jpg', folder / 'more', folder])
    assert root == folder and len(names) == 8
    root, names = find_images([folder / 'a.jpg'])
    assert (root, names) == (folder, ['a.jpg'])
    root, names = find_images([folder / 'more'], folder)
    assert names[0].startswith('more/') and len(names) == 7
    with pytest.raises(ValueError, match='not below the root'):
        find_images([folder], folder / 'more')
    with pytest.raises(FileNotFoundError, match='no image or folder'):
        find_images([tmp_path / 'x.jpg'])


@pytest.mark.parametrize('size', [1, 3, 100])
def test_a_gallery_of_a_folder(inferencer, folder, tmp_path, size):
    root, names = find_images([folder])
    calls = []
    found = extract_to_gallery(
        inferencer, root.joinpath, names, tmp_path / 'gallery',
        PathReader('.*_c(?P<camid>.)s.*|.*'), size,
        lambda *call: calls.append(call))
    assert (found.added, found.known) == (6, 0)
    assert [text.split(': ')[0] for text in found.damaged] == [
        str(root / 'a.jpg'), str(root / 'more' / 'z.png')]
    assert len(calls) == -(-8 // size) and calls[-1] == (8, 8)
    with Gallery.open(tmp_path / 'gallery') as gallery:
        assert gallery.model == inferencer.sha256
        entries = gallery.entries(gallery.ids)
        whole = [n for n in names if n not in ('a.jpg', 'more/z.png')]
        assert [entry.name for entry in entries] == whole
        assert [entry.camid for entry in entries] == [
            int(name.split('_c')[1][0]) for name in whole]
        np.testing.assert_allclose(
            gallery.embeddings(gallery.ids),
            inferencer([root / name for name in whole]), atol=1e-6)


def test_a_second_run_goes_on_after_a_crash(inferencer, folder, tmp_path):
    root, names = find_images([folder])

    def crash(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_to_gallery(inferencer, root.joinpath, names,
                           tmp_path / 'gallery',
                           part_size=2, report=crash)
    with Gallery.open(tmp_path / 'gallery') as gallery:
        assert len(gallery) == 3  # a.jpg is damaged
    found = extract_to_gallery(
        inferencer, root.joinpath, names, tmp_path / 'gallery')
    assert (found.added, found.known, len(found.damaged)) == (3, 3, 2)
    again = extract_to_gallery(
        inferencer, root.joinpath, names, tmp_path / 'gallery')
    assert (again.added, again.known) == (0, 6)


def test_nothing_is_made_of_bad_input(inferencer, folder, tmp_path):
    with pytest.raises(ImageReadError, match='all of 1 images are damaged'):
        extract_to_gallery(
            inferencer, folder.joinpath, ['a.jpg'], tmp_path / 'new')
    with pytest.raises(ValueError, match='do not match the pattern'):
        extract_to_gallery(
            inferencer, folder.joinpath, find_images([folder])[1],
            tmp_path / 'new', PathReader('market1501'))
    assert not (tmp_path / 'new').exists()
    Gallery.create(tmp_path / 'other', 5, 'abc').close()
    with pytest.raises(GalleryError, match='of the model abc'):
        extract_to_gallery(
            inferencer, folder.joinpath, ['a.jpg'], tmp_path / 'other')
