import json

import fsspec
import numpy as np
import pyarrow
import pytest

from mmreidmix.datasets import DomainMixture, Market1501
from mmreidmix.datasets.domain import Domain
from mmreidmix.datasets.domain_files import write_domain
from mmreidmix.datasets.transforms.loading import read_image
from mmreidmix.registry import DATASETS
from mmreidmix.toy import generate
from tools.dataset_converters import import_domain

PATTERN = '{pid}_c{camid}s{any}.jpg'


@pytest.fixture(scope='module')
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    generate(root, 'market1501', 'real_a', num_ids=6, num_test_ids=4,
             images_per_camera=2, num_cameras=3, size=(32, 16), workers=1)
    return root / 'Market-1501-v15.09.15'


def files_of(folder):
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob('*') if file.is_file()}


def labels(dataset):
    records = dataset.records
    return [(records.path(i), int(records.pids[i]),
             dataset.camera_names[records.camids[i]])
            for i in range(len(records))]


@pytest.mark.parametrize('pack', [(), ('--pack', )])
def test_a_loader_and_its_domain_are_one(market, tmp_path, pack):
    out = tmp_path / 'domain'
    assert import_domain.main([f'Market1501:{market}', str(out), *pack]) == 0
    for subset in ('train', 'query', 'gallery', 'all'):
        loader = Market1501(market, subset, name='x')
        domain = DATASETS.build(dict(type='Domain', path=str(out),
                                     subset=subset))
        assert labels(domain) == labels(loader)
        for i in range(0, len(domain), 5):
            np.testing.assert_array_equal(
                read_image(domain.image_path(i)),
                read_image(loader.image_path(i)))
            assert domain.num_bytes(i) == loader.num_bytes(i)
        assert domain.name == 'domain'


def test_folder_with_a_pattern(market, tmp_path, capsys):
    source = market / 'bounding_box_train'
    for name in 'ab':
        assert import_domain.main([
            str(source), str(tmp_path / name), '--pattern', PATTERN,
            '--name', 'shop', '--datasheet', 'source=own cameras',
            'keep_until=2030-01-31']) == 0
    assert 'split by identity' in capsys.readouterr().out
    assert files_of(tmp_path / 'a') == files_of(tmp_path / 'b')
    info = json.loads((tmp_path / 'a' / 'domain.json').read_text())
    assert info['images'] == str(source)
    assert info['datasheet'] == {
        'source': 'own cameras', 'keep_until': '2030-01-31'}
    train, query, gallery = (
        Domain(tmp_path / 'a', subset)
        for subset in ('train', 'query', 'gallery'))
    assert (train.num_pids, query.num_pids, gallery.num_pids) == (3, 3, 3)
    assert len(query) == 9
    assert len(train) + len(query) + len(gallery) == 36
    assert train.camera_names == ('1', '2', '3')
    assert not set(train.records.pids) & set(gallery.records.pids)


def test_pattern_is_proposed(market, tmp_path, capsys):
    source = market / 'bounding_box_train'
    with pytest.raises(ValueError, match=(
            r'36 images\. .*\n  .*\n  .*\n  .*\nThey would fit --pattern '
            r"'{pid}_c{camid}s{any}_{any}': 6 people, 3 cameras, 6 people")
            ) as error:
        import_domain.main([str(source), str(tmp_path / 'out')])
    assert '\\n' not in str(error.value)
    assert not (tmp_path / 'out').exists()
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'holiday.jpg').touch()
    with pytest.raises(ValueError, match='No usual pattern fits'):
        import_domain.main([str(tmp_path / 'photos'), str(tmp_path / 'out')])
    assert import_domain.main([
        str(tmp_path / 'photos'), str(tmp_path / 'out'), '--pattern', 'none'
    ]) == 0
    assert labels(Domain(tmp_path / 'out')) == [('holiday.jpg', -1, '0')]


def test_table_beside_other_folder_of_images(market, tmp_path):
    table = tmp_path / 'list.csv'
    names = sorted(p.name for p in (market / 'query').glob('*.jpg'))
    table.write_text('file;person;camera\n' + ''.join(
        f'{name};{name[:4]};cam {name[6]}\n' for name in names))
    assert import_domain.main([
        str(table), str(tmp_path / 'out'), '--images', str(market / 'query'),
        '--columns', 'path=file', 'pid=person', 'camid=camera', '--split',
        'all']) == 0
    query = Domain(tmp_path / 'out', 'query')
    assert query.camera_names == ('cam 1', 'cam 2', 'cam 3')
    assert query.num_pids == 4
    # one image by each camera: the first is the query
    assert len(query) == 4
    with pytest.raises(ValueError, match="no image for subset 'train', only"):
        Domain(tmp_path / 'out', 'train')


def test_images_that_have_moved(market, tmp_path):
    source = tmp_path / 'photos'
    source.mkdir()
    for file in list((market / 'bounding_box_train').glob('*.jpg'))[:4]:
        (source / file.name).write_bytes(file.read_bytes())
    out = tmp_path / 'out'
    import_domain.main([str(source), str(out), '--pattern', PATTERN,
                        '--split', 'none'])
    moved = source.rename(tmp_path / 'moved')
    with pytest.raises(FileNotFoundError, match='by the option `images`'):
        Domain(out)
    domain = Domain(out, images=moved)
    assert len(domain) == 4
    file = moved / domain.records.path(0)
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(FileNotFoundError, match='1 of 4 listed images'):
        Domain(out, images=moved)
    file.write_bytes(data)
    mixture = DomainMixture([dict(
        type='Domain', path=str(out), role='labelled', images=str(moved))])
    assert mixture.names == ['out']


def test_stopped_import_goes_on(market, tmp_path, monkeypatch):
    from mmreidmix.importing import shards
    arguments = [f'Market1501:{market}', str(tmp_path / 'b'), '--pack']
    monkeypatch.setattr(shards, 'SHARD_BYTES', 1)
    with monkeypatch.context() as patch:
        def stop(*_):
            raise KeyboardInterrupt
        patch.setattr('mmreidmix.datasets.domain_files.write_domain', stop)
        with pytest.raises(KeyboardInterrupt):
            import_domain.main(arguments)
    with pytest.raises(FileExistsError, match='with other options'):
        import_domain.main([*arguments, '--name', 'other'])
    assert import_domain.main(arguments) == 0
    with pytest.raises(FileExistsError, match='is a domain already'):
        import_domain.main(arguments)
    import_domain.main([f'Market1501:{market}', str(tmp_path / 'a'),
                        '--pack', '--name', 'b'])
    assert files_of(tmp_path / 'a') == files_of(tmp_path / 'b')


def test_folder_of_others_is_not_touched(market, tmp_path):
    (tmp_path / 'mine.txt').write_text('x')
    with pytest.raises(FileExistsError, match='not empty'):
        import_domain.main([f'Market1501:{market}', str(tmp_path)])
    assert files_of(tmp_path) == {'mine.txt': b'x'}


@pytest.mark.parametrize('options, message', [
    (['--columns', 'path=a'], '--columns has no meaning'),
    (['--images', 'x'], '--images has no meaning'),
    (['--pattern', PATTERN, '--test-cameras', '1'], '--test-cameras has no'),
    (['--pattern', PATTERN, '--test-after', '1'], '--test-after has no'),
    (['--pattern', PATTERN, '--datasheet', 'licens=x'],
     "--datasheet: 'licens' is unknown; there are source, licence"),
    (['--pattern', PATTERN, '--datasheet', 'keep_until=soon'],
     "--datasheet: keep_until is 'soon', expected a date"),
])
def test_wrong_options(market, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        import_domain.main([str(market / 'query'), str(tmp_path / 'out'),
                            *options])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('source, message', [
    ('nowhere', 'is no folder, no table'), ('Market:x', 'is no data set type'),
    ('Market1501:nowhere', 'not found. Looked for')])
def test_wrong_source(tmp_path, source, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        import_domain.main([source, str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('file, content, message', [
    ('domain.json', b'{', 'domain.json is damaged'),
    ('domain.json', b'{}', "'format' is not 'mmreidmix domain'"),
    ('domain.json', b'{"format": "mmreidmix domain", "version": 9}',
     'of version 9, this program reads 1'),
    ('images.parquet', b'PAR1', 'images.parquet is damaged'),
])
def test_damaged_domain(market, tmp_path, file, content, message):
    out = tmp_path / 'out'
    import_domain.main([f'Market1501:{market}', str(out)])
    (out / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Domain(out)


@pytest.mark.parametrize('names', [['b.jpg', 'a.jpg'], ['a.jpg', 'a.jpg']])
def test_table_that_is_not_sorted(tmp_path, names):
    """Its images would be found at wrong places of a shard."""
    write_domain(tmp_path, pyarrow.table(dict(
        path=names, subset=['train'] * 2, pid=[1, 2], camid=['1', '2'],
        shard=[0, 0], offset=[512, 1536], size=[3, 3])), dict(name='x'))
    with pytest.raises(ValueError, match='images.parquet is not sorted'):
        Domain(tmp_path)


def test_a_packed_domain_is_not_imported_again(market, tmp_path):
    """In place, its table would name files that are not there."""
    import_domain.main([f'Market1501:{market}', str(tmp_path / 'a'), '--pack'])
    with pytest.raises(ValueError, match='is packed already'):
        import_domain.main([f'Domain:{tmp_path / "a"}', str(tmp_path / 'b')])
    assert not (tmp_path / 'b').exists()


def test_a_domain_behind_a_url(market, tmp_path):
    memory = fsspec.filesystem('memory')
    import_domain.main([f'Market1501:{market}', str(tmp_path / 'a'), '--pack'])
    for name, content in files_of(tmp_path / 'a').items():
        memory.pipe(f'/bucket/{name}', content)
    remote, local = Domain('memory://bucket'), Domain(tmp_path / 'a')
    assert labels(remote) == labels(local)
    for i in range(0, len(local), 7):
        np.testing.assert_array_equal(read_image(remote.image_path(i)),
                                      read_image(local.image_path(i)))
    with pytest.raises(FileNotFoundError, match='domain.json'):
        Domain('memory://nothing')


def test_no_domain(tmp_path):
    with pytest.raises(FileNotFoundError, match='domain.json'):
        Domain(tmp_path)
    with pytest.raises(ValueError, match='give the folder'):
        Domain()


def test_two_spellings_of_a_camera(tmp_path):
    for name in ('0001_cam1_1.jpg', '0001_cam01_1.jpg'):
        (tmp_path / name).touch()
    import_domain.main([str(tmp_path), str(tmp_path / 'out'), '--pattern',
                        '{pid}_cam{camid}_{any}', '--split', 'none'])
    with pytest.raises(ValueError, match="'1' and '01'"):
        Domain(tmp_path / 'out')
