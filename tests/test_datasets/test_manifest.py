import cv2
import numpy as np
import pytest

from mmreidmix.datasets.manifest import ManifestDataset
from mmreidmix.registry import DATASETS
from mmreidmix.toy import generate

FLAT = r'(?P<pid>\d{4})_cam(?P<camid>\d+)_\d+\.jpg'


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def rows(dataset):
    records = dataset.records
    return [(records.path(i), int(records.pids[i]), int(records.camids[i]),
             int(records.tracklets[i])) for i in range(len(records))]


def listed(tmp_path, text, subset='train', **kwargs):
    (tmp_path / 'list.csv').write_text(text, 'utf-8')
    return ManifestDataset(tmp_path, subset, name='mine', csv='list.csv',
                           **kwargs)


# patterns


def test_flat_folder(tmp_path):
    # the parent folder looks like a name of a camera and is not read
    root = tmp_path / '0009_cam7_1'
    touch(root, '0012_cam10_1.jpg', '0012_cam2_1.jpg', '0003_cam2_5.jpg',
          '._0012_cam2_1.jpg', '.DS_Store', 'readme.txt')
    dataset = DATASETS.build({
        'type': 'ManifestDataset', 'data_root': root, 'name': 'shop',
        'pattern': FLAT})
    assert rows(dataset) == [('0003_cam2_5.jpg', 3, 0, -1),
                             ('0012_cam10_1.jpg', 12, 1, -1),
                             ('0012_cam2_1.jpg', 12, 0, -1)]
    assert dataset.camera_names == ('2', '10')
    assert dataset.name == 'shop'


def test_cameras_have_one_number_in_all_subsets(tmp_path):
    touch(tmp_path, 'q/0001_cam4_1.jpg', 'g/0001_cam3_1.jpg',
          'g/0001_cam9_1.jpg', 't/0005_cam1_1.jpg')
    folders = {'train': 't', 'query': './q', 'gallery': 'g/'}
    camids = {
        subset: rows(ManifestDataset(tmp_path, subset, name='mine',
                                     pattern=FLAT, folders=folders))
        for subset in ('train', 'query', 'gallery', 'all')}
    assert camids['query'] == [('q/0001_cam4_1.jpg', 1, 2, -1)]
    assert [row[2] for row in camids['gallery']] == [1, 3]
    assert [row[2] for row in camids['train']] == [0]
    assert len(camids['all']) == 4


def test_images_are_found_at_any_depth_and_read(tmp_path):
    (tmp_path / 'day' / '7').mkdir(parents=True)
    image = np.full((6, 3, 3), 50, np.uint8)
    cv2.imwrite(str(tmp_path / 'day' / '7' / 'a.png'), image)
    dataset = ManifestDataset(
        tmp_path, name='mine', pattern=r'[^/]+/(?P<pid>\d+)/\w+\.png',
        pipeline=[{'type': 'LoadReIDImage'}])
    np.testing.assert_array_equal(dataset[0]['img'], image)
    assert (dataset[0]['pid'], dataset[0]['camid']) == (7, 0)


def test_tracklet_tree(tmp_path):
    touch(tmp_path, 'monday/0007/1.jpg', 'monday/0007/2.jpg',
          'monday/0009/1.jpg', 'tuesday/0007/1.jpg')
    dataset = ManifestDataset(tmp_path, name='street',
                              pattern='tracklet_tree')
    assert rows(dataset) == [('monday/0007/1.jpg', -1, 0, 0),
                             ('monday/0007/2.jpg', -1, 0, 0),
                             ('monday/0009/1.jpg', -1, 0, 1),
                             ('tuesday/0007/1.jpg', -1, 1, 2)]
    assert dataset.camera_names == ('monday', 'tuesday')
    assert dataset.num_pids == 0


def test_video_of_a_tracklet_tree_may_have_several_levels(tmp_path):
    touch(tmp_path, '01/02/v/t/1.jpg', '01/03/v/t/1.jpg')
    dataset = ManifestDataset(tmp_path, name='m', pattern='tracklet_tree')
    assert dataset.camera_names == ('01/02/v', '01/03/v')
    assert dataset.records.tracklets.tolist() == [0, 1]


def test_toy_tracklets(tmp_path):
    generate(tmp_path, 'tracklets', 'real_b', num_ids=5, num_cameras=2,
             images_per_camera=3, workers=1)
    dataset = ManifestDataset(tmp_path, name='m', pattern='tracklet_tree')
    assert len(dataset) == 15
    assert dataset.num_cams == 2
    assert np.bincount(dataset.records.tracklets).tolist() == [3] * 5


def test_file_outside_the_tracklet_tree_is_an_error(tmp_path):
    touch(tmp_path, 'monday/0007/1.jpg', 'monday/2.jpg')
    with pytest.raises(ValueError, match="1 of 2 paths.*'monday/2.jpg'"):
        ManifestDataset(tmp_path, name='m', pattern='tracklet_tree')


def test_nested_groups(tmp_path):
    touch(tmp_path, '0001C2T0003F001.jpg', '0001C2T0003F002.jpg',
          '0001C1T0003F001.jpg', '00-1C1T0001F001.jpg')
    dataset = ManifestDataset(
        tmp_path, name='m', junk_pids=(-1, ),
        pattern=r'(?P<tracklet>(?:00)?(?P<pid>-1|\d{4})C(?P<camid>\d)T\d{4})'
        r'F\d+\.jpg')
    assert rows(dataset) == [('0001C1T0003F001.jpg', 1, 0, 1),
                             ('0001C2T0003F001.jpg', 1, 1, 2),
                             ('0001C2T0003F002.jpg', 1, 1, 2)]


def test_junk_and_distractor_numbers(tmp_path):
    touch(tmp_path, '0000_cam1_1.jpg', '0001_cam1_1.jpg', '0009_cam1_1.jpg')
    options = {'name': 'mine', 'pattern': FLAT, 'junk_pids': [9],
               'distractor_pids': [0]}
    gallery = ManifestDataset(tmp_path, 'gallery', folders={'gallery': '.'},
                              **options)
    assert gallery.records.pids.tolist() == [0, 1]
    assert gallery.num_pids == 1
    assert ManifestDataset(tmp_path,
                           **options).records.pids.tolist() == [1]


def test_two_spellings_of_a_camera(tmp_path):
    touch(tmp_path, '0001_cam1_1.jpg', '0001_cam01_1.jpg')
    with pytest.raises(ValueError, match="'1' and '01'"):
        ManifestDataset(tmp_path, name='mine', pattern=FLAT)


@pytest.mark.parametrize('pattern, message', [
    ('(', 'not a regular expression'),
    (r'(?P<id>\d+)\.jpg', r"groups \['id'\]"),
    (r'(?P<pid>\w+)\.jpg', "a.jpg: pid is 'a'"),
    (r'(?P<camid>x)?\w\.jpg', 'a.jpg: the camera'),
    (r'\d\.jpg', "1 of 1 paths .*'a.jpg'"),
])
def test_wrong_pattern(tmp_path, pattern, message):
    touch(tmp_path, 'a.jpg')
    with pytest.raises(ValueError, match=message):
        ManifestDataset(tmp_path, name='mine', pattern=pattern)


@pytest.mark.parametrize('options', [{}, {'csv': 'a', 'pattern': 'b'}])
def test_exactly_one_description(tmp_path, options):
    with pytest.raises(ValueError, match='exactly one'):
        ManifestDataset(tmp_path, name='mine', **options)


def test_unknown_folder_key(tmp_path):
    with pytest.raises(ValueError, match=r"keys \['test'\]"):
        ManifestDataset(tmp_path, name='m', pattern='.*',
                        folders={'test': '.'})


@pytest.mark.parametrize('folder', ['../x', '/'])
def test_folder_that_leaves_the_root(tmp_path, folder):
    (tmp_path / 'x').mkdir()
    (tmp_path / 'root').mkdir()
    with pytest.raises(ValueError, match='leaves'):
        ManifestDataset(tmp_path / 'root', name='m', pattern='.*',
                        folders={'train': folder})


def test_absent_subset(tmp_path):
    touch(tmp_path, '0001_cam1_1.jpg')
    with pytest.raises(ValueError, match="'query', only .*'train'"):
        ManifestDataset(tmp_path, 'query', name='m', pattern=FLAT)


@pytest.mark.parametrize('options', [
    {'csv': 'no.csv'}, {'pattern': '.*', 'folders': {'train': 'no'}}])
def test_absent_source(tmp_path, options):
    with pytest.raises(FileNotFoundError, match=r'm train: not found.*\n.*no'):
        ManifestDataset(tmp_path, name='m', **options)


# CSV


def test_csv(tmp_path):
    touch(tmp_path, 'a/1.jpg', 'a/2.jpg', 'b,c.jpg', 'd.jpg', 'e.jpg', 'f.jpg')
    text = ('\ufeffpath,subset,pid,camid,tracklet,flag\r\n'
            'a/1.jpg,train,7,door,x,\r\n'
            'a/2.jpg,train,,yard,x,-\r\n'
            '"b,c.jpg",query,3,yard,,\r\n'
            'd.jpg,gallery,3,door,,\r\n'
            'e.jpg,gallery,4,door,,distractor\r\n'
            'f.jpg,gallery,3,door,,junk\r\n')
    assert rows(listed(tmp_path, text)) == [('a/1.jpg', 7, 0, 0),
                                            ('a/2.jpg', -1, 1, 1)]
    assert rows(listed(tmp_path, text, 'query')) == [('b,c.jpg', 3, 1, -1)]
    assert rows(listed(tmp_path, text, 'gallery')) == [
        ('d.jpg', 3, 0, -1), ('e.jpg', 4, 0, -1)]
    assert len(listed(tmp_path, text, 'all')) == 4


def test_csv_of_paths_alone(tmp_path):
    touch(tmp_path, 'a.jpg')
    assert rows(listed(tmp_path, 'path\na.jpg\n')) == [('a.jpg', -1, 0, -1)]


@pytest.mark.parametrize('text, message', [
    ('file,pid\na.jpg,1\n', '`path` is required'),
    ('path,cam\na.jpg,1\n', r"not \['cam'\]"),
    ('path,pid\na.jpg,x\n', "line 2: pid is 'x'"),
    ('path,subset\na.jpg,test\n', "line 2: subset must be .*, got 'test'"),
    ('path,flag\na.jpg,bad\n', "line 2: flag must be .*, got 'bad'"),
    ('path,pid\na.jpg,-2\n', "line 2: pid is '-2', .* at least 0"),
    ('path,pid,pid\na.jpg,1,2\n', "the column 'pid' is there twice"),
    ('path,camid\na.jpg,\n', "line 2: the camera .* is ''"),
    ('path,camid\na.jpg,-1\n', "line 2: the camera .* is '-1'"),
    ('path,pid\na.jpg\n', 'line 2: the number of cells'),
    ('path,pid\na.jpg,1,2\n', 'line 2: the number of cells'),
    ('path\na.jpg\na.jpg\n', "more than once, e.g. 'a.jpg'"),
    ('path\n../a.jpg\n', "point outside .* e.g. '../a.jpg'"),
    ('path\n/a.jpg\n', "point outside .* e.g. '/a.jpg'"),
])
def test_wrong_csv(tmp_path, text, message):
    root = tmp_path / 'root'
    touch(root, 'a.jpg')
    touch(tmp_path, 'a.jpg')
    with pytest.raises(ValueError, match=message):
        listed(root, text)


def test_csv_of_absent_images(tmp_path):
    with pytest.raises(FileNotFoundError, match='list.csv: 1 of 1 listed'):
        listed(tmp_path, 'path\na.jpg\n')


def test_csv_link_that_leads_out(tmp_path):
    touch(tmp_path, 'outside.jpg', 'root/a.jpg')
    (tmp_path / 'root' / 'b.jpg').symlink_to(tmp_path / 'outside.jpg')
    with pytest.raises(ValueError, match="point outside .* 'b.jpg'"):
        listed(tmp_path / 'root', 'path\na.jpg\nb.jpg\n')


# tables of spreadsheets


TABLE = 'path,pid,camid\nä/1.jpg,7,2\nb c/2.jpg,8,1\n'


@pytest.mark.parametrize('data', [
    TABLE.encode('utf-8-sig'), TABLE.encode('utf-16'),
    TABLE.replace('\n', '\r\n').encode(), TABLE.replace(',', ';').encode(),
    TABLE.replace(',', '\t').encode(), TABLE.replace(',', ', ').encode(),
    TABLE.replace('path', ' path ').encode(),
    TABLE.replace('/', '\\').encode(), TABLE.replace('ä', './ä').encode(),
    TABLE.replace('b c/', '"b c//"').replace('""', '').replace(
        '"b c//"2.jpg', '"b c//2.jpg"').encode()])
def test_tables_as_spreadsheets_write_them(tmp_path, data):
    touch(tmp_path, 'ä/1.jpg', 'b c/2.jpg')
    (tmp_path / 'list.csv').write_bytes(data)
    dataset = ManifestDataset(tmp_path, name='mine', csv='list.csv')
    assert rows(dataset) == [('b c/2.jpg', 8, 0, -1), ('ä/1.jpg', 7, 1, -1)]


@pytest.mark.parametrize('data, message', [
    (TABLE.encode('cp1252'), r'list.csv, line 2: the text is not UTF-8 .byte '
     '0xe4.*iconv'),
    ('path\na.jpg\n'.encode('utf-16-le'),
     'list.csv: no text, or UTF-16 without')], ids=['cp1252', 'utf-16'])
def test_other_encodings_are_named(tmp_path, data, message):
    (tmp_path / 'list.csv').write_bytes(data)
    with pytest.raises(ValueError, match=message):
        ManifestDataset(tmp_path, name='mine', csv='list.csv')


@pytest.mark.parametrize('other', ['./d/a.jpg', 'd//a.jpg', 'd\\a.jpg',
                                   'd/../d/a.jpg'])
def test_one_image_under_two_names_is_listed_twice(tmp_path, other):
    touch(tmp_path, 'd/a.jpg')
    with pytest.raises(ValueError, match='1 images are listed more than once'):
        listed(tmp_path, f'path,subset\nd/a.jpg,train\n{other},query\n')


def test_a_quotation_mark_that_is_not_closed(tmp_path):
    (tmp_path / 'a.jpg').touch()
    table = tmp_path / 'table.csv'
    for text in ('path,pid\na.jpg,"1\n', '"path,pid\na.jpg,1\n'):
        table.write_text(text)
        with pytest.raises(ValueError, match=rf'{table}, line \d: unexp'):
            ManifestDataset(tmp_path, name='x', csv='table.csv')
