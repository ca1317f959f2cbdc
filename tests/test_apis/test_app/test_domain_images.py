"""Galleries of imported domains."""

import shutil

import numpy as np
import pytest

from mmreidmix.apis import Gallery, ReIDInferencer
from mmreidmix.apis.app.domain_images import DomainImages
from tests.tiny import ROOT
from tools.dataset_converters import import_domain


@pytest.fixture(scope='module', params=['in place', 'packed'])
def domain(request, pictures, tmp_path_factory):
    """Two people, two cameras, a time for each image but the last."""
    root = tmp_path_factory.mktemp('domain')
    (root / 'photos').mkdir()
    lines = ['path,pid,camid,time,tracklet']
    for i, picture in enumerate(pictures[:6]):
        shutil.copy(picture, root / 'photos' / f'{i}.jpg')
        camera = ('yard', 'door')[i % 2]
        lines.append(f'{i}.jpg,{i // 4},{camera},{i * 10 if i < 5 else ""},t')
    (root / 'photos' / 'list.csv').write_text('\n'.join(lines))
    import_domain.main([str(root / 'photos' / 'list.csv'), str(root / 'out'),
                        *(['--pack'] if request.param == 'packed' else [])])
    return root / 'out'


def test_names_and_labels(domain):
    images = DomainImages(dict(type='Domain', data_root=str(domain)))
    assert images.names == [f'{i}.jpg' for i in range(6)]
    assert images.cameras == {0: 'door', 1: 'yard'}
    labels = images(['5.jpg', '0.jpg', '3.jpg'])
    assert labels.pids.tolist() == [1, 0, 0]
    assert labels.camids.tolist() == [0, 1, 0]
    assert labels.tracklets.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(labels.times, [np.nan, 0, 30])


def test_numbers_of_cameras_are_their_names(toy):
    images = DomainImages(dict(
        type='Market1501', data_root=str(toy / 'real_a'), subset='gallery'))
    assert images.cameras == {i: str(i) for i in range(1, 7)}
    labels = images(images.names)
    assert labels.camids.tolist() == [int(name.rpartition('/')[2][6])
                                      for name in images.names]
    assert np.isnan(labels.times).all()


def test_gallery_and_file_of_a_domain(domain, checkpoint, tmp_path, capsys):
    from runpy import run_path
    tools = ROOT / 'tools'
    gallery = tmp_path / 'gallery'
    options = ['--domain', str(domain), '--device', 'cpu']
    assert not run_path(str(tools / 'gallery.py'))['main'](
        ['add', str(gallery), '--model', str(checkpoint), *options])
    shown = capsys.readouterr().out
    assert '6 images; cameras: 0 = door, 1 = yard' in shown
    out = tmp_path / 'rows.npz'
    assert not run_path(str(tools / 'gallery' / 'extract.py'))['main'](
        [str(checkpoint), '--out', str(out), *options])
    images = DomainImages(dict(type='Domain', data_root=str(domain)))
    expected = ReIDInferencer(checkpoint, device='cpu')(
        list(map(images.address, images.names)))
    with np.load(out) as rows, Gallery.open(gallery) as opened:
        assert rows['names'].tolist() == images.names
        assert rows['camids'].tolist() == [1, 0, 1, 0, 1, 0]
        np.testing.assert_allclose(rows['embeddings'], expected, atol=1e-6)
        np.testing.assert_allclose(
            opened.embeddings(opened.ids), expected, atol=1e-6)
        entries = opened.entries(opened.ids)
        assert [entry.camid for entry in entries] == [1, 0, 1, 0, 1, 0]
        assert [entry.time for entry in entries] == [0, 10, 20, 30, 40, None]


def test_options_of_paths_have_no_meaning(domain, checkpoint, tmp_path,
                                          capsys):
    from runpy import run_path
    main = run_path(str(ROOT / 'tools' / 'gallery' / 'extract.py'))['main']
    assert main([str(checkpoint), '--out', str(tmp_path / 'a.npz'),
                 '--domain', str(domain), '--names', 'market1501']) == 2
    assert '--domain says itself' in capsys.readouterr().err
    assert main([str(checkpoint), '--out', str(tmp_path / 'a.npz'),
                 '--images', str(domain)]) == 2
    assert 'name it by --domain' in capsys.readouterr().err
