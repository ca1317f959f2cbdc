import pytest

from mmreidmix.importing.name_pattern import propose, read_names


@pytest.mark.parametrize('template, name, fields', [
    ('{pid}/{camid}_{any}.png', 'train/0012/03_front.png',
     dict(pid='0012', camid='03')),
    ('{pid}_c{camid}s{any}.jpg', '0002_c1s1_000451_03.jpg',
     dict(pid='0002', camid='1')),
    ('{camid}/{tracklet}/{time}.jpg', 'x/door/t7/12.5.jpg',
     dict(camid='door', tracklet='t7', time='12.5')),
    ('{subset}/{pid}.jpg', 'query/ä b.jpg', dict(subset='query', pid='ä b')),
    ('{pid}.(1).jpg', '7.(1).jpg', dict(pid='7')),
    (r'(?P<camid>s\d_c\d)/(?P<pid>\d+)?\w*\.jpg', 's1_c2/a.jpg',
     dict(camid='s1_c2', pid='')),
])
def test_fields_of_a_name(template, name, fields):
    assert read_names([name], template) == {
        key: [value] for key, value in fields.items()}


@pytest.mark.parametrize('template, message', [
    ('{id}.jpg', r'has {id}; there are {pid}, .*{any}'),
    ('{pid}_{pid}.jpg', 'a field twice'),
    ('{any}.jpg', 'names no field'),
    ('a.jpg', 'names no field'),
    ('(?P<pid>', 'not a regular expression'),
    ('(?P<id>.*)', "has the group 'id'"),
    ('{pid}_{camid}.jpg', r"1 of 2 images do not follow .*'b/2.jpg'"),
    ('{pid}/1_{camid}.jpg', r"1 of 2 images .*'b/2.jpg'"),
    ('{pid}_{camid}', '1 of 2 images'),
])
def test_wrong_pattern(template, message):
    with pytest.raises(ValueError, match=message):
        read_names(['a/1_1.jpg', 'b/2.jpg'], template)


PEOPLE = [(pid, cam, image) for pid in (3, 12, 40) for cam in (1, 2)
          for image in (0, 1)]


@pytest.mark.parametrize('name, pattern', [
    ('{:04d}_c{}s1_{:06d}_00.jpg', '{pid}_c{camid}s{any}_{any}'),
    ('{:04d}_c{}_f{:07d}.jpg', '{pid}_c{camid}_{any}'),
    ('{:04d}_cam{}_{:05d}.jpg', '{pid}_cam{camid}_{any}'),
    ('train/{:03d}/{:02d}_{}.png', '{pid}/{camid}_{any}'),
    ('p{}/{}/{}.png', '{pid}/{camid}/{any}'),
])
def test_usual_names_are_recognised(name, pattern):
    found = propose([name.format(*person) for person in PEOPLE])
    assert found == (pattern, 3, 2, 3)


def test_folders_of_cameras_or_of_people():
    names = [f'cam{cam}/{pid}/{image}.jpg' for pid, cam, image in PEOPLE]
    # told apart by what makes people be seen by two cameras
    assert propose(names).num_pids == 3 or propose(names).num_cams == 3
    assert propose(['frames/1.jpg', 'frames/2.jpg']) is None
    assert propose([f'{i:06d}.jpg' for i in range(50)]) is None
