"""The way of docs/en/user_guides/own_data.md, on drawn and on real images."""

import re

import cv2
import numpy as np
import pytest

from mmreidmix.datasets import Domain
from mmreidmix.toy import generate
from tests.test_tools.test_adapt import SMALL, data  # noqa: F401
from tools import adapt
from tools.analysis_tools import data_doctor
from tools.dataset_converters import import_domain


@pytest.fixture
def footage(tmp_path):
    """A video of three drawn people who walk, and their boxes."""
    generate(tmp_path / 'toy', 'market1501', 'real_b', num_ids=3,
             num_test_ids=1, images_per_camera=1, num_cameras=1,
             size=(64, 32), workers=1, seed=5)
    people = [cv2.imread(str(path)) for path in sorted(
        (tmp_path / 'toy').rglob('bounding_box_train/*.jpg'))]
    video = cv2.VideoWriter(str(tmp_path / 'footage.avi'),
                            cv2.VideoWriter_fourcc(*'MJPG'), 10, (320, 80))
    lines = []
    for frame in range(1, 61):
        image = np.full((80, 320, 3), 90, np.uint8)
        for number, person in enumerate(people):
            left = 10 + 100 * number + frame
            image[8:72, left:left + 32] = person
            lines.append(f'{frame},-1,{left + 1},9,32,64,0.9')
        video.write(image)
    video.release()
    (tmp_path / 'boxes.txt').write_text('\n'.join(lines))
    return tmp_path


def adapted(weights, domains, work_dir):
    """Adapt, shortly; the log."""
    adapt.main([str(weights), *map(str, domains), '--work-dir', str(work_dir),
                *SMALL])
    return next(work_dir.rglob('*.log')).read_text()


def test_drawn_footage_and_photos(footage, data, capsys):  # noqa: F811
    pytest.importorskip('trackers')
    video = footage / 'video'
    assert import_domain.main([
        str(footage / 'footage.avi'), str(video), '--boxes',
        str(footage / 'boxes.txt')]) == 0
    assert '33 crops, 3 tracks' in capsys.readouterr().out
    domain = Domain(video)
    assert (len(domain), domain.camera_names) == (33, ('footage', ))
    assert data_doctor.main([str(video), str(data / 'photos')]) == 0
    assert 'Doctor: ' in capsys.readouterr().out
    log = adapted(data / 'start.pth', [video, data / 'photos'],
                  footage / 'run')
    assert re.search(r'start -> end, photos: .*mAP .* -> ', log)
    assert (footage / 'run' / 'epoch_1.pth').is_file()


def test_pets_and_pku(realdata, data, tmp_path, capsys):  # noqa: F811
    pytest.importorskip('trackers')
    pets = realdata / 'pets2009'
    video, photos = tmp_path / 'video', tmp_path / 'photos'
    assert import_domain.main([
        str(pets / 'vtest.avi'), str(video), '--boxes', str(pets / 'det.txt'),
        '--every', '20']) == 0
    assert import_domain.main([
        str(realdata / 'pku_reid'), str(photos), '--pattern',
        '{pid}/{camid}_{any}.png', '--split', 'identity']) == 0
    shown = capsys.readouterr().out
    assert '1,184 images      74 people     2 cameras' in shown
    assert re.search(r'query +74 images +37 people', shown)
    assert data_doctor.main([str(video), str(photos), '--fast']) == 0
    log = adapted(data / 'start.pth', [video, photos], tmp_path / 'run')
    assert re.search(r'start -> end, photos: .*mAP .* -> ', log)
    assert 'Pseudo labels of video' in log
