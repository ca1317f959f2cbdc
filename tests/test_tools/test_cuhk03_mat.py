"""Tests of tools/dataset_converters/cuhk03_mat.py."""

import json
import runpy

import cv2
import numpy as np
import pytest

from mmreidmix.datasets.public import CUHK03Classic
from tests.tiny import TRAIN

h5py = pytest.importorskip('h5py', reason='cuhk-03.mat is an HDF5 file')
TOOL = TRAIN.parent / 'dataset_converters' / 'cuhk03_mat.py'


@pytest.fixture(scope='module')
def main():
    return runpy.run_path(str(TOOL))['main']


def write_mat(path, people, splits):
    """Cells as MATLAB writes them: references, axes in reverse."""
    with h5py.File(path, 'w') as file:
        cells = file.create_group('#refs#')

        def put(array):
            array = np.ascontiguousarray(np.asarray(array).T)
            return cells.create_dataset(str(len(cells)), data=array).ref

        def cell_array(references):
            array = np.empty(references.shape, h5py.ref_dtype)
            array[...] = references
            return array

        for boxes in ('detected', 'labeled'):
            pairs = np.empty((1, len(people)), object)
            for pair, images in enumerate(people):
                grid = np.empty((len(images), 10), object)
                for pid, row in enumerate(images):
                    for k in range(10):
                        image = row.get(k, np.zeros(2, np.uint64))
                        grid[pid, k] = put(image)
                reference = cells.create_dataset(
                    str(len(cells)), data=cell_array(grid.T),
                    dtype=h5py.ref_dtype).ref
                pairs[0, pair] = reference
            file.create_dataset(boxes, data=cell_array(pairs),
                                dtype=h5py.ref_dtype)
        sets = np.empty((1, len(splits)), object)
        for k, split in enumerate(splits):
            sets[0, k] = put(np.array(split, float))
        file.create_dataset('testsets', data=cell_array(sets),
                            dtype=h5py.ref_dtype)


def picture(value, height=6):
    image = np.zeros((height, 3, 3), np.uint8)
    image[..., 0] = value  # red
    image[0, 0] = 255
    return image


def test_images_and_splits(main, tmp_path, capsys):
    people = [[{0: picture(10), 5: picture(20), 9: picture(30)},
               {4: picture(40, 8), 6: picture(50)}],
              [{1: picture(60), 7: picture(70)}]]
    splits = [[[1, 1], [2, 1]], [[1, 2], [2, 1]]] * 10
    write_mat(tmp_path / 'cuhk-03.mat', people, splits)
    out = tmp_path / 'cuhk03_release'
    main([str(tmp_path / 'cuhk-03.mat'), str(out)])
    names = sorted(p.name for p in (out / 'images_detected').iterdir())
    assert names == ['1_001_1_01.png', '1_001_2_06.png', '1_001_2_10.png',
                     '1_002_1_05.png', '1_002_2_07.png', '2_001_1_02.png',
                     '2_001_2_08.png']
    assert 'images_labeled: 7 images' in capsys.readouterr().out
    written = cv2.imread(str(out / 'images_labeled' / '1_002_1_05.png'))
    np.testing.assert_array_equal(written[..., ::-1], picture(40, 8))
    assert json.loads((out / 'testsets.json').read_text()) == splits
    query = CUHK03Classic(tmp_path, 'query', split=1)
    assert sorted(set(query.records.pids.tolist())) == [1002, 2001]


def test_other_files(main, tmp_path):
    with pytest.raises(FileNotFoundError, match='no file'):
        main([str(tmp_path / 'no.mat'), str(tmp_path)])
    file = tmp_path / 'cuhk-03.mat'
    file.write_bytes(b'MATLAB 5.0')
    with pytest.raises(ValueError, match='no HDF5 file'):
        main([str(file), str(tmp_path)])
    with h5py.File(file, 'w') as empty:
        empty['detected'] = 1
    with pytest.raises(ValueError, match=r"lacks \['labeled', 'testsets'\]"):
        main([str(file), str(tmp_path)])
