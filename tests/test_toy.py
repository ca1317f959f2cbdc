"""Toy pedestrians: names, counts, reproducibility, and what is in them."""

import importlib.util
import json
import re
from collections import Counter
from math import pi
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.toy import LAYOUTS, STYLES, generate
from mmreidmix.toy.camera import _PASSERS, camera_of, shoot
from mmreidmix.toy.canvas import Canvas
from mmreidmix.toy.figure import BAGS, draw_person
from mmreidmix.toy.garments import CUTS
from mmreidmix.toy.generator import _inside
from mmreidmix.toy.head import HATS
from mmreidmix.toy.identity import person_of, pick
from mmreidmix.toy.layouts import Plan
from mmreidmix.toy.pose import Pose, skeleton

TOOLS = Path(__file__).parents[1] / 'tools'

# layout: folders of train, query, gallery; pattern of a path below them
MARKET_LIKE = {
    'market1501':
    ('Market-1501-v15.09.15', r'(?P<pid>-1|\d{4})_c(?P<cam>[1-6])s[1-6]_'
     r'\d{6}_\d{2}\.jpg'),
    'dukemtmc-reid': ('DukeMTMC-reID',
                      r'(?P<pid>\d{4})_c(?P<cam>[1-8])_f\d{7}\.jpg'),
    'personx-visda': ('subset1',
                      r'(?P<pid>\d{4})_c(?P<cam>\d{1,2})s\d+_\d+\.jpg'),
    'cuhk03np-detected': ('detected',
                          r'(?P<pid>\d{4})_c(?P<cam>[12])_\d+\.png'),
    'cuhk03np-labeled': ('labeled',
                         r'(?P<pid>\d{4})_c(?P<cam>[12])_\d+\.png'),
}
MSMT = (r'(?P<dir>\d{4})/(?P<pid>\d{4})_(?P<idx>\d{3,})_(?P<cam>\d{2})_'
        r'(?P<date>0113|0114|0302|0303)(?P<slot>morning|noon|afternoon)_'
        r'(?P<frame>\d{4,})_(?P<box>\d+)(?P<ex>_ex)?\.jpe?g')


def load_tool(name):
    path = TOOLS / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small(root, layout, **options):
    options = {**dict(style='real_a', num_ids=3, num_test_ids=2,
                      images_per_camera=2, num_cameras=2, size=(32, 16),
                      workers=1), **options}
    return generate(root, layout, **options)


def files_of(root):
    return {p.relative_to(root).as_posix(): p.read_bytes()
            for p in root.rglob('*') if p.is_file()}


@pytest.mark.parametrize('layout', MARKET_LIKE)
def test_market_like_layouts(tmp_path, layout):
    report = small(tmp_path, layout)
    top, pattern = MARKET_LIKE[layout]
    seen = {}
    for part in ('bounding_box_train', 'query', 'bounding_box_test'):
        names = [p.name for p in (tmp_path / top / part).iterdir()]
        found = [re.fullmatch(pattern, name) for name in names]
        assert all(found), names
        seen[part] = Counter((m['pid'], m['cam']) for m in found)
    train, query, gallery = seen.values()
    assert sorted(train.values()) == [2] * 6  # 3 ids in 2 cameras
    assert sorted(query.values()) == [1] * 4
    assert sorted(gallery.values()) == [2] * 4
    assert set(query) == set(gallery)
    assert not {p for p, _ in train} & {p for p, _ in query}
    assert report.images == 12 + 4 + 8
    assert {Path(p).parts[0] for p in files_of(tmp_path)} == {
        top, 'toy.json'}


def test_personx_uses_the_official_camera_tokens():
    plan = Plan(ids=1, test_ids=0, images=1, cameras=6)
    jobs = LAYOUTS['personx-visda'].jobs(plan)
    tokens = [int(re.search(r'_c(\d+)s', j.path)[1]) for j in jobs]
    assert tokens == [3, 4, 8, 10, 11, 12]


def test_market_distractors_and_junk_lie_in_the_gallery(tmp_path):
    report = small(tmp_path, 'market1501', distractors=5, junk=3)
    top = tmp_path / 'Market-1501-v15.09.15'
    pids = Counter(p.name.split('_')[0]
                   for p in (top / 'bounding_box_test').iterdir())
    assert pids == {'0004': 4, '0005': 4, '0000': 5, '-1': 3}
    others = [p.name for d in ('query', 'bounding_box_train')
              for p in (top / d).iterdir()]
    assert not [n for n in others if n.startswith(('-1', '0000'))]
    assert report.images == 24 + 8


@pytest.mark.parametrize('layout, top, train, test', [
    ('msmt17-v1', 'MSMT17_V1', 'train', 'test'),
    ('msmt17-v2', 'MSMT17_V2', 'mask_train_v2', 'mask_test_v2')])
def test_msmt_lists_name_every_file_once(tmp_path, layout, top, train, test):
    small(tmp_path, layout, images_per_camera=3)
    folder = tmp_path / top
    rows = {}
    for name in ('train', 'val', 'query', 'gallery'):
        lines = (folder / f'list_{name}.txt').read_text().splitlines()
        rows[name] = [line.split(' ') for line in lines]
        for path, pid in rows[name]:
            match = re.fullmatch(MSMT, path)
            assert int(match['pid']) == int(match['dir']) == int(pid)
    for part, names in ((train, ('train', 'val')),
                        (test, ('query', 'gallery'))):
        listed = [path for name in names for path, _ in rows[name]]
        on_disk = [p.relative_to(folder / part).as_posix()
                   for p in (folder / part).rglob('*.jpg')]
        assert sorted(listed) == sorted(on_disk)
    assert [len(r) for r in rows.values()] == [17, 1, 4, 12]
    assert {pid for _, pid in rows['train']} == {'0', '1', '2'}
    assert {pid for _, pid in rows['query']} == {'0', '1'}


def test_msmt_v2_differs_from_v1_by_the_faces():
    frontal = [shoot(0, 'synthetic', 3, 0, 0, (128, 64), yaw=0.0, face=face)
               for face in (True, False)]
    changed = np.abs(frontal[0].astype(int) - frontal[1]).sum((1, 2))
    rows = np.flatnonzero(changed > 60)
    assert len(rows) and rows.max() < 32  # in the upper quarter only


def test_randperson_has_19_scene_cameras():
    plan = Plan(ids=2, test_ids=0, images=2, cameras=19)
    paths = [j.path for j in LAYOUTS['randperson-subset'].jobs(plan)]
    pattern = (r'randperson_subset/(?P<pid>\d{6})_s(?P<s>\d{2})_'
               r'c(?P<c>\d{2})_f(?P<frame>\d{6})\.jpg')
    offset = (0, 2, 4, 6, 8, 9, 10, 12, 13, 14, 15)
    found = [re.fullmatch(pattern, p) for p in paths]
    cams = {offset[int(m['s'])] + int(m['c']) for m in found}
    assert cams == set(range(19)) and len(set(paths)) == 2 * 19 * 2


def test_pku_has_jpeg_bytes_under_png_names(tmp_path):
    small(tmp_path, 'pku-reid', images_per_camera=8, num_cameras=2)
    pattern = r'(train|val/all_imgs)/\d{3}/0[12]_[1-8]\.png'
    files = files_of(tmp_path)
    images = [p for p in files if p != 'toy.json']
    assert all(re.fullmatch(pattern, p) for p in images)
    assert len(images) == (3 + 2) * 2 * 8
    assert all(files[p][:2] == b'\xff\xd8' for p in images)
    train = {p.split('/')[1] for p in images if p.startswith('train')}
    test = {p.split('/')[2] for p in images if p.startswith('val')}
    assert not train & test


def test_cuhk03_holds_real_png(tmp_path):
    small(tmp_path, 'cuhk03np-detected', num_ids=1, num_test_ids=0)
    images = [d for p, d in files_of(tmp_path).items() if p != 'toy.json']
    assert images and all(d[:8] == b'\x89PNG\r\n\x1a\n' for d in images)


def test_tracklets_stay_in_one_video_and_move_smoothly(tmp_path):
    report = small(tmp_path, 'tracklets', num_ids=5, num_test_ids=0,
                   images_per_camera=6, num_cameras=2, style='synthetic',
                   size=(64, 32))
    assert report.images == 30
    tracks = sorted(tmp_path.glob('video_*/tracklet_*'))
    assert [t.parent.name for t in tracks] == ['video_0000'] * 3 + [
        'video_0001'] * 2
    within, across = [], []
    first = None
    for track in tracks:
        frames = [cv2.imread(str(p)).astype(float)
                  for p in sorted(track.iterdir())]
        assert len(frames) == 6
        steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:])]
        assert min(steps) > 0
        within += steps
        if first is not None:
            across.append(np.abs(frames[0] - first).mean())
        first = frames[0]
    assert np.mean(within) < 0.6 * np.mean(across)


@pytest.mark.parametrize('images, tracks', [
    (1, [(0, 0)]), (2, [(0, 0), (1, 0)]),
    (5, [(0, 0), (0, 3), (0, 6), (1, 0), (1, 3)])])
def test_people_of_videos_have_two_tracks_in_one_video(images, tracks):
    plan = Plan(ids=7, test_ids=0, images=images, cameras=3)
    jobs = list(LAYOUTS['videos'].jobs(plan))
    assert len(jobs) == 7 * images
    for person in range(7):
        own = [job for job in jobs if job.number == person]
        assert {job.camid for job in own} == {person % 3}
        assert [(job.index, job.frame) for job in own] == tracks
        assert [job.path for job in own] == [
            f'video_{person % 3:04d}/p{person:05d}_t{t}_{f:06d}.jpg'
            for t, f in tracks]


@pytest.mark.parametrize('layout', LAYOUTS)
def test_paths_are_unique_and_stay_below_root(layout, tmp_path):
    rules = LAYOUTS[layout]
    plan = Plan(ids=40, test_ids=20 * rules.has_test, images=8,
                cameras=rules.cameras,
                distractors=min(200, rules.most_distractors),
                junk=min(200, rules.most_junk))
    paths = [job.path for job in rules.jobs(plan)]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert tmp_path in _inside(tmp_path, path).parents
    pictures = [job[1:] for job in rules.jobs(plan)]
    assert len(set(pictures)) == len(pictures)


def test_paths_out_of_root_are_refused(tmp_path):
    with pytest.raises(ValueError, match='leads out of'):
        _inside(tmp_path / 'a', '../b/x.jpg')
    with pytest.raises(ValueError, match='leads out of'):
        _inside(tmp_path / 'a', '/x.jpg')


def test_same_bytes_whatever_the_number_of_workers(tmp_path):
    options = dict(num_ids=20, num_test_ids=1, images_per_camera=3)
    for workers in (1, 3):
        small(tmp_path / str(workers), 'market1501', workers=workers,
              **options)
    assert files_of(tmp_path / '1') == files_of(tmp_path / '3')


def test_seed_and_style_are_other_people_and_cameras():
    shots = [shoot(seed, style, 0, 0, 0, (64, 32)).tobytes()
             for seed in (0, 1) for style in STYLES]
    assert len(set(shots)) == 8
    people = {person_of(seed, style, 0) for seed in (0, 1)
              for style in STYLES}
    assert len(people) == 8


def test_test_people_do_not_depend_on_the_number_of_training_people(tmp_path):
    query = []
    for ids in (2, 3):
        small(tmp_path / str(ids), 'market1501', num_ids=ids)
        folder = tmp_path / str(ids) / 'Market-1501-v15.09.15/query'
        query.append([p.read_bytes() for p in sorted(folder.iterdir())])
    assert query[0] == query[1]


def test_run_again_does_nothing(tmp_path):
    assert small(tmp_path, 'market1501').written
    before = files_of(tmp_path)
    again = small(tmp_path, 'market1501')
    assert (again.written, again.images) == (False, 24)
    assert files_of(tmp_path) == before


def test_interrupted_run_is_taken_up_again(tmp_path):
    small(tmp_path, 'market1501')
    before = files_of(tmp_path)
    note = json.loads(before['toy.json'])
    (tmp_path / 'toy.json').write_text(json.dumps({**note,
                                                   'complete': False}))
    next(tmp_path.rglob('*.jpg')).unlink()
    assert small(tmp_path, 'market1501').written
    assert files_of(tmp_path) == before


def test_other_settings_need_overwrite(tmp_path):
    small(tmp_path, 'market1501')
    with pytest.raises(FileExistsError, match='--overwrite'):
        small(tmp_path, 'market1501', seed=1)
    small(tmp_path, 'dukemtmc-reid', overwrite=True)
    tops = {Path(p).parts[0] for p in files_of(tmp_path)}
    assert tops == {'DukeMTMC-reID', 'toy.json'}


def test_foreign_files_are_never_touched(tmp_path):
    foreign = tmp_path / 'Market-1501-v15.09.15' / 'query' / 'mine.jpg'
    foreign.parent.mkdir(parents=True)
    foreign.write_text('precious')
    with pytest.raises(FileExistsError, match='no toy data'):
        small(tmp_path, 'market1501', overwrite=True)
    foreign.unlink()
    foreign.parent.rmdir()
    foreign.parent.parent.rmdir()
    small(tmp_path, 'market1501')
    foreign.write_text('precious')
    with pytest.raises(FileExistsError, match='mine.jpg'):
        small(tmp_path, 'market1501', seed=1, overwrite=True)
    assert foreign.read_text() == 'precious'
    assert len(files_of(tmp_path)) == 24 + 2


@pytest.mark.parametrize('options, text', [
    (dict(layout='marked'),
     "layout must be one of 'market1501', .*, got 'marked'"),
    (dict(style='cartoon'),
     "style must be one of 'synthetic', .*, got 'cartoon'"),
    (dict(num_cameras=7),
     r'layout market1501: cameras must be in \[1, 6\], got 7'),
    (dict(num_ids=0), r': ids must be in \[1, 9999\], got 0'),
    (dict(images_per_camera=0), 'images must be in .*, got 0'),
    (dict(layout='randperson-subset', num_test_ids=1),
     r'test-ids must be in \[0, 0\], got 1'),
    (dict(layout='dukemtmc-reid', junk=1),
     r'junk must be in \[0, 0\], got 1'),
    (dict(size=(4, 4)), r'height must be in \[16, 1024\], got 4'),
    (dict(size=(16, 4)), r'width must be in \[8, 1024\], got 4'),
    (dict(seed=-1), 'seed must be at least 0, got -1'),
    (dict(workers=0), 'workers must be an integer of at least 1, got 0')])
def test_bad_settings_are_named(tmp_path, options, text):
    options = {'layout': 'market1501', **options}
    with pytest.raises(ValueError, match=text):
        small(tmp_path / 'new', **options)
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('style', STYLES)
def test_size_and_range(style):
    image = shoot(3, style, 5, 1, 0, (96, 40))
    assert image.shape == (96, 40, 3) and image.dtype == np.uint8
    assert image.std() > 8


def test_backpack_is_seen_from_behind():
    person = next(p for p in (person_of(0, 'real_b', n) for n in range(99))
                  if p.bag == 'backpack' and p.hair == 'short')
    seen = []
    for yaw in (0.0, pi):
        canvas = Canvas(256, 128)
        canvas.place(64, 246, 232)
        draw_person(canvas, person, Pose(yaw, 0.3, 0.3))
        near = np.abs(canvas.pixels[..., :3].astype(float) -
                      person.bag_colour).max(-1) < 2
        seen.append(int((near & (canvas.pixels[..., 3] == 255)).sum()))
    assert seen[1] > 300 and seen[1] > 8 * seen[0]


def test_proportions_of_an_average_body():
    """Head, width and height of the silhouette are those of a person."""
    heights, widths = [], []
    for number in range(40):
        person = person_of(0, 'synthetic', number)
        if person.hat != 'none' or person.hair == 'afro':
            continue
        canvas = Canvas(400, 300)
        canvas.place(150, 390, 360)
        draw_person(canvas, person, Pose(0.0, 0.0, 0.05))
        rows, columns = np.nonzero(canvas.pixels[..., 3])
        heights.append((rows.max() - rows.min()) / 360 / person.height)
        widths.append((columns.max() - columns.min()) / 360)
    assert 0.95 < np.mean(heights) < 1.08
    assert 0.25 < np.mean(widths) < 0.42


@settings(max_examples=25, deadline=None)
@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0, 0.6),
       st.integers(0, 200))
def test_bones_keep_their_length(yaw, phase, stride, number):
    person = person_of(0, 'real_a', number)
    joints = skeleton(person, Pose(yaw, phase, stride))
    for side in (1, -1):
        for a, b, bone in (('hip', 'knee', 0.235), ('knee', 'ankle', 0.225),
                           ('shoulder', 'elbow', 0.165)):
            gap = np.subtract(joints[a, side], joints[b, side])
            # the sideways angle is applied after the swing
            assert np.linalg.norm(gap) == pytest.approx(bone, rel=0.05)
        assert joints['ankle', side][1] >= joints['drop'] + 0.03


def test_pick_follows_the_weights():
    rng = np.random.default_rng(0)
    weights = dict(a=1, b=3, never=0)
    drawn = Counter(pick(rng, weights) for _ in range(4000))
    assert drawn['never'] == 0
    assert drawn['a'] / 4000 == pytest.approx(0.25, abs=0.03)


def test_wardrobes_name_things_that_can_be_drawn():
    for style in STYLES.values():
        assert set(style.uppers) <= set(CUTS)
        assert set(style.bags) <= {*BAGS, 'none'}
        assert set(style.hats) <= {*HATS, 'none'}


def test_people_of_one_style_can_be_told_apart():
    """No two of 200 share all that is visible on a small picture."""
    people = [person_of(0, 'synthetic', n) for n in range(200)]
    looks = [np.array([*p.upper_colour, *p.lower_colour, *p.hair_colour,
                       *p.skin, *p.shoe_colour]) for p in people]
    gaps = [np.abs(looks[i] - looks[j]).max()
            for i in range(200) for j in range(i)]
    assert min(gaps) > 8


def test_background_does_not_tell_the_person():
    """The crop of the scene depends on the picture, not on the identity."""
    camera = camera_of(0, 'real_a', 0)
    corners = []
    for number in (1, 2):
        images = [shoot(0, 'real_a', number, 0, k, (64, 32))
                  for k in range(30)]
        corners.append(np.mean([i[:20, :4].mean() for i in images]))
    spread = camera.scene.std() / 30**0.5
    assert abs(corners[0] - corners[1]) < 4 * spread


def test_real_cameras_change_people_more_than_synthetic_ones():
    """Shift of one person's clothes between cameras, over that of people."""

    def one_seed(style, seed):
        clothes = np.array([[
            shoot(seed, style, n, cam, 0, (64, 32))[18:32, 12:20].mean((0, 1))
            for cam in range(4)] for n in range(16)])
        cameras = np.mean([np.abs(clothes[:, a] - clothes[:, b]).mean()
                           for a in range(4) for b in range(a)])
        people = np.mean([np.abs(clothes[a] - clothes[b]).mean()
                          for a in range(16) for b in range(a)])
        return cameras / people

    def ratio(style):
        return np.mean([one_seed(style, seed) for seed in (0, 1)])

    game = ratio('synthetic')
    for style in ('real_a', 'real_b', 'unseen'):
        assert ratio(style) > 1.2 * game, style


def test_passers_are_not_in_the_data_set():
    for layout, rules in LAYOUTS.items():
        assert rules.most_ids < 10_000_000 < _PASSERS, layout


def test_command_line(tmp_path, capsys):
    tool = load_tool('dataset_converters/make_toy_data.py')
    args = [str(tmp_path / 'd'), '--layout', 'market1501', '--style',
            'unseen', '--ids', '2', '--test-ids', '1', '--cameras', '2',
            '--images-per-camera', '1', '--size', '32', '16',
            '--workers', '1']
    assert tool.main(args) == 0
    assert '8 images in' in capsys.readouterr().out
    assert tool.main(args) == 0
    assert 'already there, nothing to do' in capsys.readouterr().out
    assert tool.main([*args, '--seed', '1']) == 2
    assert '--overwrite' in capsys.readouterr().err
    assert tool.main([*args, '--seed', '1', '--overwrite']) == 0


def test_contact_sheet(tmp_path, capsys):
    tool = load_tool('visualization/contact_sheet.py')
    folder = tmp_path / 'images'
    folder.mkdir()
    for pid, level in (('0001', 40), ('0002', 120)):
        for k in range(3):
            image = np.full((64, 32, 3), level + k, np.uint8)
            cv2.imwrite(str(folder / f'{pid}_c1s1_{k}.png'), image)
    out = tmp_path / 'sheet.png'
    assert tool.main(['--images', str(folder), '--out', str(out),
                      '--height', '64']) == 0
    sheet = cv2.imread(str(out))
    assert sheet.shape == (2 * 66, 44 + 3 * 34, 3)
    for row, level in ((0, 40), (1, 120)):
        for column in range(3):
            cell = sheet[row * 66:row * 66 + 64,
                         44 + column * 34:44 + column * 34 + 32]
            assert (cell == level + column).all()
    assert tool.main(['--images', str(tmp_path / 'nowhere'), '--out',
                      str(out)]) == 2
    assert 'nowhere' in capsys.readouterr().err


def test_contact_sheet_groups_folders_of_tracklets(tmp_path):
    tool = load_tool('visualization/contact_sheet.py')
    small(tmp_path, 'tracklets', num_test_ids=0, num_cameras=1)
    assert list(tool.group_images(tmp_path)) == [
        f'video_0000/tracklet_000{i}' for i in range(3)]


def test_contact_sheet_names_a_broken_image(tmp_path, capsys):
    tool = load_tool('visualization/contact_sheet.py')
    (tmp_path / '1_a.jpg').write_bytes(b'no image')
    assert tool.main(['--images', str(tmp_path), '--out',
                      str(tmp_path / 'x.png')]) == 2
    assert '1_a.jpg' in capsys.readouterr().err
