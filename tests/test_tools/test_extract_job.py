"""Tests of tools/gallery/extract_job.py."""

import errno
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml

from mmreidmix.__main__ import COMMANDS
from mmreidmix.apis import Gallery, ReIDInferencer, open_gallery
from mmreidmix.apis.app import extraction_job
from mmreidmix.apis.app.extraction_job import Job, plan_job
from tests.tiny import ROOT, environment
from tools.dataset_converters import import_domain

TOOL = ROOT / 'tools' / 'gallery' / 'extract_job.py'
GUIDE = ROOT / 'docs' / 'en' / 'user_guides' / 'extract.md'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TOOL))['main']


@pytest.fixture
def place(tool, checkpoint, pictures, tmp_path):
    """A job of 8 images in 4 shards, of which none is done."""
    return new_job(tool, checkpoint, pictures, tmp_path)


@pytest.fixture(scope='module')
def done(tool, checkpoint, pictures, tmp_path_factory):
    """A job that one worker has done."""
    root = new_job(tool, checkpoint, pictures, tmp_path_factory.mktemp('done'))
    assert work(tool, root) == 0
    return root


def new_job(tool, checkpoint, pictures, root):
    (root / 'data').mkdir()
    for picture in pictures[:7]:
        shutil.copy(picture, root / 'data')
    (root / 'data' / '0000_bad.jpg').write_bytes(b'no image')
    assert plan(tool, root, checkpoint) == 0
    return root


def plan(tool, root, checkpoint, *options, job='job'):
    if '--list' not in options and '--domain' not in options:
        options = ('--images', str(root / 'data'), *options)
    return tool(['plan', str(root / job), '--model', str(checkpoint),
                 '--shard-images', '2', '--device', 'cpu', *options])


def work(tool, root, *options, job='job'):
    return tool(['work', str(root / job), '--device', 'cpu', *options])


def check(tool, root, capsys, job='job'):
    capsys.readouterr()
    status = tool(['check', str(root / job)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def columns(root, job='job'):
    """All arrays of the shards, joined."""
    parts = list(Job(root / job).parts())
    return {name: np.concatenate([part[name] for part in parts])
            for name in ('names', 'embeddings', 'camids', 'unreadable')}


def test_equal_to_one_process(done, checkpoint):
    found = columns(done)
    names, embeddings = ReIDInferencer(checkpoint, device='cpu').folder(
        done / 'data', skip_damaged=True)
    assert found['names'].tolist() == names and len(names) == 7
    assert found['unreadable'].tolist() == ['0000_bad.jpg']
    np.testing.assert_allclose(found['embeddings'], embeddings, atol=1e-6)


def test_an_unreadable_image_is_counted_with_its_reason(done, tool, capsys):
    status, out, err = check(tool, done, capsys)
    assert status == 0
    assert '8 images, 7 embedded, 1 unreadable, 0 missing, 0 doubled, ' \
        '0 shards not done, 0 faults: complete' in out
    assert '1 damaged images are left out' in err
    assert '0000_bad.jpg: ' in err


def test_a_worker_that_is_killed(place, tool, capsys):
    stuck = place / 'data' / Job(place / 'job').images(1)[0]['name']
    image = stuck.read_bytes()
    stuck.unlink()
    os.mkfifo(stuck)  # a worker waits here until it is killed
    worker = subprocess.Popen(
        [sys.executable, str(TOOL), 'work', str(place / 'job'), '--device',
         'cpu'], env=environment())
    claim = place / 'job' / 'claims' / '00001.lock'
    while worker.poll() is None and not (
            claim.exists() and claim.read_bytes()):
        time.sleep(0.01)
    assert (place / 'job' / 'embeddings' / '00000.npz').exists()
    # Another one leaves it what it has claimed.
    assert work(tool, place) == 0
    assert '4 images by this worker' in capsys.readouterr().out
    status, out, err = check(tool, place, capsys)
    assert status == 1 and '2 missing, 0 doubled, 1 shards not done' in out
    assert 'shards that are not done: 00001\n' in err
    worker.kill()
    assert worker.wait() == -signal.SIGKILL
    stuck.unlink()
    stuck.write_bytes(image)
    assert work(tool, place) == 0
    assert '2 images by this worker' in capsys.readouterr().out
    assert check(tool, place, capsys)[0] == 0
    names = columns(place)['names'].tolist()
    assert len(names) == len(set(names)) == 7


def test_two_workers_at_once(place, tool, capsys):
    both = threading.Barrier(2)

    def one_worker(inferencer):
        first = iter([both.wait])  # after a shard: wait for the other's

        def report(done, total):
            next(first, int)()
        return Job(place / 'job').work(inferencer, report=report)

    models = [Job(place / 'job').open_model(device='cpu') for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one_worker, models)
    assert first.done and second.done
    assert first.done + second.done == 8  # no shard was embedded twice
    assert first.refused == second.refused == []
    assert check(tool, place, capsys)[0] == 0


def test_workers_with_an_index(place, tool, capsys):
    assert work(tool, place, '--index', '1', '--of', '3') == 0
    status, out, err = check(tool, place, capsys)
    assert status == 1 and '3 shards not done' in out
    assert 'shards that are not done: 00000, 00002, 00003\n' in err
    for index in '02':
        assert work(tool, place, '--index', index, '--of', '3') == 0
    assert check(tool, place, capsys)[0] == 0
    assert not (place / 'job' / 'claims').exists()
    for options in (['--index', '3', '--of', '3'], ['--index', '0'],
                    ['--of', '2']):
        assert work(tool, place, *options) == 2
        assert 'index from 0 to of - 1' in capsys.readouterr().err


def test_a_folder_without_locks(place, tool, capsys, monkeypatch):
    def refuse(file):
        raise OSError(errno.ENOLCK, 'No locks available')
    monkeypatch.setattr(extraction_job, 'FileLock', refuse)
    assert work(tool, place) == 2
    told = capsys.readouterr().err
    assert '00000.lock can not be locked: No locks available' in told
    assert '--index and --of' in told


def test_changed_and_removed_images(place, tool, capsys):
    job = Job(place / 'job')
    changed, removed = job.images(1)[0]['name'], job.images(3)[1]['name']
    (place / 'data' / changed).write_bytes(
        (place / 'data' / removed).read_bytes())
    (place / 'data' / removed).unlink()
    assert work(tool, place) == 1
    told = capsys.readouterr().err
    for name, shard in ((changed, 1), (removed, 3)):
        assert f'shard 0000{shard}: 1 images were changed or removed after ' \
            f"the plan, '{name}'" in told
    assert check(tool, place, capsys)[0] == 1
    assert tool(['gallery', str(job.folder), str(place / 'gallery')]) == 2
    assert 'is not complete: 8 images' in capsys.readouterr().err


def test_another_model(place, tool, checkpoint, tmp_path, capsys):
    content = torch.load(checkpoint, weights_only=True)
    for name, value in content['state_dict'].items():
        if name.endswith('conv1.weight'):
            value += 1
    torch.save(content, tmp_path / 'other.pth')
    assert work(tool, place, '--model', str(tmp_path / 'other.pth')) == 2
    assert 'sha256 is' in capsys.readouterr().err
    content = torch.load(checkpoint, weights_only=True)
    meta = content['meta']
    meta['cfg'] = meta['cfg'].replace('        32,\n', '        48,\n')
    torch.save(content, tmp_path / 'wide.pth')
    assert work(tool, place, '--model', str(tmp_path / 'wide.pth')) == 2
    assert 'transform is' in capsys.readouterr().err
    shutil.copy(checkpoint, tmp_path / 'moved.pth')
    assert work(tool, place, '--model', str(tmp_path / 'moved.pth'),
                '--index', '0', '--of', '4') == 0


def test_check_finds_what_is_wrong(done, tool, checkpoint, tmp_path, capsys):
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    files = tmp_path / 'job' / 'embeddings'

    def fault(*words):
        status, out, err = check(tool, tmp_path, capsys)
        assert status == 1 and 'not complete' in out
        assert all(word in out + err for word in words)

    good = (files / '00001.npz').read_bytes()
    (files / '00001.npz').unlink()
    fault('2 missing', 'not done: 00001')
    # a shard twice
    shutil.copy(files / '00000.npz', files / '00001.npz')
    fault('00001.npz is of another shard', '2 missing')
    (files / '00001.npz').write_bytes(good)
    shutil.copy(files / '00000.npz', files / '00004.npz')
    fault('00004.npz is of no shard of the plan', '1 faults')
    (files / '00004.npz').unlink()
    # a shard of another job
    assert plan(tool, tmp_path, checkpoint, '--part', '7', job='other') == 0
    assert work(tool, tmp_path, job='other') == 0
    shutil.copy(tmp_path / 'other' / 'embeddings' / '00001.npz', files)
    fault('00001.npz is of another job')
    # damage
    (files / '00001.npz').write_bytes(good[:99])
    fault('00001.npz is broken')
    arrays = dict(np.load(files / '00002.npz'))
    for changes, words in (
            (dict(names=arrays['names'][[0, 0]]), ['1 missing, 1 doubled']),
            (dict(camids=[1]), ['has not a finite row for each name']),
            (dict(embeddings=arrays['embeddings'] * np.nan),
             ['has not a finite row for each name'])):
        (files / '00001.npz').write_bytes(good)
        np.savez(files / '00002.npz', **{**arrays, **changes})
        fault(*words)
    np.savez(files / '00002.npz', **arrays)
    assert check(tool, tmp_path, capsys)[0] == 0


def test_lists_and_plans_are_not_changed(place, tool, checkpoint, capsys):
    assert plan(tool, place, checkpoint) == 2
    assert 'job.json exists' in capsys.readouterr().err
    shards = place / 'job' / 'shards'
    shutil.copy(shards / '00000.json', shards / '00001.json')
    for command in ('work', 'check'):
        assert tool([command, str(place / 'job')]) == 2
        assert '00001.json was changed after the plan' in (
            capsys.readouterr().err)
    for text, message in (('{', 'is damaged'), ('{}', 'no plan of format')):
        (place / 'job' / 'job.json').write_text(text)
        assert tool(['check', str(place / 'job')]) == 2
        assert message in capsys.readouterr().err
    assert tool(['check', str(place)]) == 2
    assert 'plan the job first' in capsys.readouterr().err
    with pytest.raises(ValueError, match='each image must be named once'):
        plan_job(place / 'new', None, '', None, {}, ['a', 'a'], 1)


def test_a_gallery(done, tool, checkpoint, tmp_path, capsys):
    gallery = tmp_path / 'gallery'
    first = next(part['names'][0] for part in Job(done / 'job').parts())
    inferencer = ReIDInferencer(checkpoint, device='cpu')
    with Gallery.create(gallery, inferencer([done / 'data' / first]).shape[1],
                        inferencer.sha256) as opened:
        opened.add(inferencer([done / 'data' / first]), [first])
    for added, known in ((6, 1), (0, 7)):
        assert tool(['gallery', str(done / 'job'), str(gallery)]) == 0
        assert f'{added} images added, {known} there already' in (
            capsys.readouterr().out)
    with Gallery.open(gallery, inferencer.sha256) as opened:
        assert len(opened) == 7
        names, rows = inferencer.folder(done / 'data', skip_damaged=True)
        np.testing.assert_allclose(
            opened.embeddings(opened.ids_of(names)), rows, atol=1e-6)


def test_a_gallery_in_a_server(done, tool, postgres, capsys):
    for added, known in ((7, 0), (0, 7)):
        assert tool(['gallery', str(done / 'job'), 'of a job', '--store',
                     postgres]) == 0
        assert f'{added} images added, {known} there already' in (
            capsys.readouterr().out)
    with open_gallery('of a job', store=postgres) as gallery:
        names = np.concatenate([
            part['names'] for part in Job(done / 'job').parts()]).tolist()
        np.testing.assert_allclose(
            gallery.embeddings(gallery.ids_of(names)), np.concatenate([
                part['embeddings'] for part in Job(done / 'job').parts()]),
            atol=1e-6)


def test_a_list_with_a_pattern(tool, checkpoint, pictures, tmp_path, capsys):
    names = [path.name for path in pictures[:3]]
    folder = pictures[0].parent
    lines = [str(folder / name) for name in [*names, names[0]]]
    (tmp_path / 'list.txt').write_text('\n'.join([*lines, '']))
    options = '--list', str(tmp_path / 'list.txt'), '--names', 'market1501'
    assert plan(tool, tmp_path, checkpoint, *options) == 0
    shown = capsys.readouterr()
    assert '3 images in 2 shards, to be embedded in fp32' in shown.out
    assert '1 lines of' in shown.err
    assert work(tool, tmp_path) == 0
    found = columns(tmp_path)
    assert found['names'].tolist() == names
    assert found['camids'].tolist() == [int(name[6]) for name in names]
    (tmp_path / 'list.txt').write_text('\n')
    assert plan(tool, tmp_path, checkpoint, *options, job='new') == 2
    assert 'names no image' in capsys.readouterr().err


def test_a_domain(tool, checkpoint, pictures, tmp_path, monkeypatch, capsys):
    (tmp_path / 'data').mkdir()
    for picture in pictures[:3]:
        shutil.copy(picture, tmp_path / 'data')
    import_domain.main([str(tmp_path / 'data'), str(tmp_path / 'domain'),
                        '--pattern', r'.*_c(?P<camid>\d)s.*', '--pack'])
    monkeypatch.chdir(tmp_path)
    assert plan(tool, tmp_path, checkpoint, '--domain', 'domain') == 0
    monkeypatch.chdir('/')
    assert work(tool, tmp_path) == 0
    assert check(tool, tmp_path, capsys)[0] == 0
    assert columns(tmp_path)['camids'].min() >= 1


def test_no_image_can_be_read(tool, checkpoint, tmp_path, capsys):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'a.jpg').write_bytes(b'')
    assert plan(tool, tmp_path, checkpoint) == 0
    assert work(tool, tmp_path) == 0
    assert check(tool, tmp_path, capsys)[0] == 0
    assert tool(['gallery', str(tmp_path / 'job'),
                 str(tmp_path / 'gallery')]) == 2
    assert 'are unreadable, nothing is added' in capsys.readouterr().err


def test_the_guide(done, monkeypatch, capsys):
    blocks = dict(re.findall(r'```(\w+)\n(.*?)```', GUIDE.read_text(), re.S))
    pod = yaml.safe_load(blocks['yaml'])['spec']
    words = pod['template']['spec']['containers'][0]['args']
    assert COMMANDS['Use a model'][words[0]] == 'gallery/extract_job.py'
    index = words.index('$(JOB_COMPLETION_INDEX)')
    args = runpy.run_path(str(TOOL))['parse_args'](
        [*words[1:index], '3', *words[index + 1:]])
    assert args.index == 3 and args.of == pod['completions']
    monkeypatch.chdir(done)
    exec(blocks['python'].replace('JOB', 'job'), {})
    assert '_c1s1_' in capsys.readouterr().out
