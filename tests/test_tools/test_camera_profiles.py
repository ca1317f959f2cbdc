"""Tests of tools/gallery/camera_profiles.py and of what uses its files."""

import runpy
import shutil

import numpy as np
import pytest

from mmreidmix.apis import Gallery, ReIDInferencer
from mmreidmix.camera_profiles import CameraProfiles
from tests.tiny import ROOT

NAMES = ['--names', 'market1501']


@pytest.fixture(scope='module')
def tools():
    return {name.rpartition('/')[2]: runpy.run_path(
        str(ROOT / 'tools' / f'{name}.py')) for name in (
            'gallery', 'gallery/camera_profiles', 'gallery/search')}


@pytest.fixture
def run(tools, checkpoint, capsys):
    def call(name, *arguments, status=0):
        found = tools[name]['main']([*map(str, arguments), '--device', 'cpu'])
        shown = capsys.readouterr()
        assert found == status, shown.err
        return shown.out + shown.err
    return call


@pytest.fixture
def folder(pictures, tmp_path):
    folder = tmp_path / 'station'
    folder.mkdir()
    for path in pictures:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ReIDInferencer(checkpoint, device='cpu')


def cameras_of(names):
    return [str(int(name.split('_c')[1][0])) for name in names]


@pytest.mark.parametrize('batch_norm', [False, True])
def test_profiles_of_a_folder(run, checkpoint, folder, tmp_path, inferencer,
                              batch_norm):
    out = tmp_path / 'p.npz'
    text = run('camera_profiles', checkpoint, '--images', folder, '--out',
               out, *NAMES, *['--batch-norm'] * batch_norm)
    assert f"{out}: site 'station', images by camera 1: " in text
    assert ('with batch-norm statistics' in text) == batch_norm
    before = inferencer(folder)
    profiles = CameraProfiles.load(out)
    assert profiles.model == inferencer.sha256
    names = sorted(path.name for path in folder.iterdir())
    cameras = cameras_of(names)
    files = [folder / name for name in names]
    same = inferencer.make_profiles(
        files, cameras, batch_norm=batch_norm, site='station')
    assert same.fingerprint == profiles.fingerprint
    np.testing.assert_array_equal(inferencer(folder), before)
    user = ReIDInferencer(checkpoint, device='cpu', profiles=out, camera='1')
    assert user.sha256 != inferencer.sha256 and user.thresholds is None
    found = user(files, camera=cameras)
    if not batch_norm:
        np.testing.assert_allclose(
            found, profiles.apply(before, np.array(cameras)), atol=1e-6)
        np.testing.assert_allclose(
            user(files), profiles.apply(before, ['1'] * len(files)),
            atol=1e-6)
    else:
        assert np.abs(found - profiles.apply(
            before, np.array(cameras))).max() > 1e-3


def test_a_profile_grows(run, checkpoint, folder, tmp_path, inferencer):
    names = sorted(path.name for path in folder.iterdir())
    parts = [names[:7], names[7:]]
    for number, part in enumerate(parts):
        (tmp_path / str(number)).mkdir()
        for name in part:
            shutil.copy(folder / name, tmp_path / str(number))
        run('camera_profiles', checkpoint, '--images', tmp_path / str(number),
            '--out', tmp_path / 'p.npz', *NAMES, *['--update'] * number)
    grown = CameraProfiles.load(tmp_path / 'p.npz')
    once = inferencer.make_profiles(
        [folder / name for name in names], cameras_of(names))
    assert grown.site == '0'
    np.testing.assert_array_equal(grown.counts, once.counts)
    np.testing.assert_allclose(grown.means, once.means, atol=1e-6)
    np.testing.assert_allclose(grown.variances, once.variances, atol=1e-6)


def test_a_domain_and_one_camera(run, checkpoint, folder, toy, tmp_path):
    run('camera_profiles', checkpoint, '--domain',
        f'Market1501:{toy}/unseen:name=unseen,subset=gallery', '--out',
        tmp_path / 'd.npz')
    profiles = CameraProfiles.load(tmp_path / 'd.npz')
    assert profiles.site == 'unseen' and len(profiles.cameras) > 1
    run('camera_profiles', checkpoint, '--images', folder, '--camera', 'door',
        '--site', 'shop', '--out', tmp_path / 'c.npz')
    profiles = CameraProfiles.load(tmp_path / 'c.npz')
    assert (profiles.site, profiles.cameras.tolist()) == ('shop', ['door'])


def test_a_gallery_its_profiles_and_a_search(
        run, checkpoint, folder, tmp_path):
    """Made of embeddings or of images, the standardised gallery is one."""
    raw, out = tmp_path / 'raw', tmp_path / 'p.npz'
    run('gallery', 'add', raw, '--model', checkpoint, '--images', folder,
        *NAMES)
    text = run('camera_profiles', checkpoint, '--gallery', raw, '--out', out,
               '--standardised', tmp_path / 'one')
    assert "site 'raw'" in text and 'one: 12 images, standardised' in text
    run('gallery', 'add', tmp_path / 'two', '--model', checkpoint,
        '--images', folder, '--camera-profiles', out, *NAMES)
    with Gallery.open(tmp_path / 'one') as one, Gallery.open(
            tmp_path / 'two') as two:
        assert one.model == two.model
        assert one.entries(one.ids) == two.entries(two.ids)
        np.testing.assert_allclose(
            one.embeddings(one.ids), two.embeddings(two.ids), atol=1e-5)
        name = one.entries(one.ids)[3].name
    text = run('search', tmp_path / 'one', folder / name, '--model',
               checkpoint, '--camera-profiles', out, '--camera',
               *cameras_of([name]))
    assert '1.0000' in text and name in text
    text = run('search', tmp_path / 'one', folder / name, '--model',
               checkpoint, status=2)
    assert 'embeddings of two models cannot be compared' in text
    text = run('search', raw, folder / name, '--model', checkpoint,
               '--camera', '1', status=2)
    assert '`camera` is for camera profiles' in text


def test_profiles_of_another_model(checkpoint, tmp_path, inferencer, pictures):
    profiles = inferencer.make_profiles(pictures, '1', site='shop')
    profiles.model = 'another'
    with pytest.raises(ValueError, match="'shop' were made with the model an"):
        ReIDInferencer(checkpoint, device='cpu', profiles=profiles)


def test_cameras_of_images_that_can_be_read(checkpoint, inferencer, pictures,
                                            tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'')
    cameras = cameras_of([path.name for path in pictures])
    user = ReIDInferencer(
        checkpoint, device='cpu',
        profiles=inferencer.make_profiles(pictures, cameras))
    rows, damaged = user.readable(
        [pictures[0], tmp_path / 'broken.jpg', *pictures[1:]],
        camera=[cameras[0], '9', *cameras[1:]])
    assert list(damaged) == [1]
    np.testing.assert_allclose(rows, user(pictures, cameras), atol=1e-6)
    with pytest.raises(ValueError, match='a camera for each of 12 images'):
        user(pictures, cameras[:3])


@pytest.mark.parametrize('options, message', [
    (['--images', 'x'], 'name the camera of the pictures'),
    (['--gallery', 'x', '--batch-norm'], 'a gallery holds embeddings alone'),
    (['--images', 'x', '--camera', '1', '--update', '--batch-norm'],
     'keeps the batch-norm statistics'),
    (['--images', 'x', '--camera', '1', '--standardised', 'y'],
     '--standardised is for --gallery'),
])
def test_wrong_options(tools, capsys, options, message):
    with pytest.raises(SystemExit):
        tools['camera_profiles']['parse_args'](
            ['model.pth', '--out', 'p.npz', *options])
    assert message in capsys.readouterr().err
