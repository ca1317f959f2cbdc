import pyarrow
import pytest
from pyarrow import parquet

from mmreidmix.importing.image_rows import to_table
from mmreidmix.importing.table_source import read_table


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(root, text, **columns):
    file = root / 'list.csv'
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    rows, _ = read_table(file, root, columns)
    return to_table(rows).to_pydict()


def test_all_fields(tmp_path):
    touch(tmp_path, 'a/1.jpg', 'a/2.jpg', 'b,c.jpg', 'd.jpg')
    found = listed(tmp_path, (
        '\ufeffpath,subset,pid,camid,tracklet,time,flag\r\n'
        'a/2.jpg,train,,yard,x,1970-01-01T00:01:00,-\r\n'
        'a/1.jpg,train,7,door,x,3.5,\r\n'
        '"b,c.jpg",query,3,yard,,,\r\n\r\n'
        'd.jpg,gallery,3,door,,,distractor\r\n'))
    assert found == dict(
        path=['a/1.jpg', 'a/2.jpg', 'b,c.jpg', 'd.jpg'],
        subset=['train', 'train', 'query', 'gallery'], pid=[7, -1, 3, 3],
        camid=['door', 'yard', 'yard', 'door'], tracklet=['x', 'x', '', ''],
        time=[3.5, 60.0, None, None], flag=['', '', '', 'distractor'])


def test_paths_alone(tmp_path):
    touch(tmp_path, 'a.jpg')
    found = listed(tmp_path, 'path\na.jpg\n')
    assert (found['pid'], found['camid'], found['subset']) == (
        [-1], ['0'], ['train'])


def test_columns_of_other_names(tmp_path):
    touch(tmp_path, 'a.jpg', 'b.jpg')
    file = tmp_path / 'list.csv'
    file.write_text('file,who,split,width\na.jpg,Bo,query,3\n'
                    'b.jpg,Al,gallery,4\n')
    rows, unread = read_table(file, tmp_path, dict(path='file', pid='who'))
    found = to_table(rows).to_pydict()
    assert unread == ['width']
    assert found['subset'] == ['query', 'gallery']
    assert (found['pid'], found['person']) == ([1, 0], ['Bo', 'Al'])


def test_parquet(tmp_path):
    touch(tmp_path, 'a.jpg', 'b.jpg')
    parquet.write_table(
        pyarrow.table(dict(path=['b.jpg', 'a.jpg'], pid=[5.0, None],
                           camid=[1, 2])), tmp_path / 'list.parquet')
    rows, _ = read_table(tmp_path / 'list.parquet', tmp_path, {})
    found = to_table(rows).to_pydict()
    assert (found['path'], found['pid'], found['camid']) == (
        ['a.jpg', 'b.jpg'], [-1, 5], ['2', '1'])


@pytest.mark.parametrize('text, message', [
    ('file,pid\na.jpg,1\n', "no column 'path'; there are 'file', 'pid'.*"
     '--columns path=file'),
    ('path,pid\na.jpg,-2\n', r"line 2: pid is '-2', .* from 0"),
    ('path,pid\na.jpg,3000000000\n', r"line 2: pid is '3000000000'"),
    ('path,subset\na.jpg,test\n', "line 2: subset is 'test'"),
    ('path,flag\na.jpg,bad\n', "line 2: flag is 'bad'"),
    ('path,time\na.jpg,noon\n', "line 2: time: 'noon' is no time"),
    ('path,time\na.jpg,inf\n', "line 2: time: 'inf' is no time"),
    ('path,pid,pid\na.jpg,1,2\n', "the column 'pid' is there twice"),
    ('path,camid\na.jpg,1\nb.jpg,\n', r"line 3: the camera \(camid\) is ''"),
    ('path,camid\na.jpg,1\nb.jpg,-1\n', "line 3: .* '-1', unknown, in 1 of"),
    ('path,pid\na.jpg\n', 'line 2: 1 cells, but the header has 2'),
    ('path,pid\na.jpg,1,2\n', 'line 2: 3 cells'),
    ('path\na.jpg\nb.jpg\n./a.jpg\n',
     "line 4: the image 'a.jpg' is named a second time, .*line 2"),
    ('path,pid\na.jpg,1\nb\\..\\a.jpg,1\n', 'line 3: .* a second time'),
    ('path\na.jpg\n../a.jpg\n', r"line 3: the path '../a.jpg' is not inside"),
    ('path\n/etc/a.jpg\n', 'line 2: the path .* is not inside'),
    ('path,pid\n,1\n', "line 2: the path '' is not inside"),
    ('path\n', 'a header and at least one row'),
    ('', 'a header and at least one row'),
    ('path,pid\na.jpg,"1\n', r'list.csv, line \d: unexpected end'),
    ('path,pid\nä.jpg,1\n'.encode('cp1252'), 'line 2: the text is not UTF-8'),
])
def test_wrong_table(tmp_path, text, message):
    root = tmp_path / 'root'
    touch(root, 'a.jpg', 'b.jpg')
    touch(tmp_path, 'a.jpg')
    with pytest.raises(ValueError, match=message):
        listed(root, text)


def test_missing_column_and_missing_image(tmp_path):
    touch(tmp_path, 'a.jpg')
    with pytest.raises(ValueError, match="no column 'who'"):
        listed(tmp_path, 'path,pid\na.jpg,1\n', pid='who')
    with pytest.raises(FileNotFoundError, match=(
            "line 3: the image 'b.jpg' is not in .*; 2 of 3 listed")):
        listed(tmp_path, 'path\na.jpg\nb.jpg\nc.jpg\n')


def test_link_that_leads_out(tmp_path):
    touch(tmp_path, 'outside.jpg', 'root/a.jpg')
    (tmp_path / 'root' / 'b.jpg').symlink_to(tmp_path / 'outside.jpg')
    with pytest.raises(ValueError, match="point outside .* 'b.jpg'"):
        listed(tmp_path / 'root', 'path\na.jpg\nb.jpg\n')


def test_absolute_path_inside_the_folder(tmp_path):
    touch(tmp_path, 'd/a.jpg')
    assert listed(tmp_path, f'path\n{tmp_path}/d/a.jpg\n')['path'] == [
        'd/a.jpg']


TABLE = 'path,pid,camid\nä/1.jpg,7,2\nb c/2.jpg,8,1\n'


@pytest.mark.parametrize('data', [
    TABLE.encode('utf-8-sig'), TABLE.encode('utf-16'),
    TABLE.replace('\n', '\r\n').encode(), TABLE.replace(',', ';').encode(),
    TABLE.replace(',', '\t').encode(), TABLE.replace(',', ', ').encode(),
    TABLE.replace('path', ' path ').encode(),
    TABLE.replace('/', '\\').encode(), TABLE.replace('ä', './ä').encode(),
    TABLE.replace('b c/2.jpg', '"b c//2.jpg"').encode()])
def test_tables_as_spreadsheets_write_them(tmp_path, data):
    touch(tmp_path, 'ä/1.jpg', 'b c/2.jpg')
    found = listed(tmp_path, data)
    assert (found['path'], found['pid'], found['camid']) == (
        ['b c/2.jpg', 'ä/1.jpg'], [8, 7], ['1', '2'])
