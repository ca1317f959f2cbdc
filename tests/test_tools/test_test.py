"""Tests of tools/test.py."""

import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmreidmix.apis.deploy.onnx_file import export_onnx
from mmreidmix.apis.deploy.openvino_file import write_openvino
from mmreidmix.apis.trained_model import load_trained_model
from mmreidmix.results.result_file import read_queries, read_result
from tests.tiny_checkpoint import write_checkpoint

ROOT = Path(__file__).parents[2]
CONFIG = '''
_base_ = ['{root}/configs/_base_/default_runtime.py']
model = dict(
    type='ReIDBaseline',
    backbone=dict(type='OSNet', width=0.25),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=128))
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='RetrievalDataset',
        domains=[dict(type='PKUReid', data_root='{folder}/a')],
        pipeline=[dict(type='LoadReIDImage'),
                  dict(type='Resize', scale=(16, 32)),
                  dict(type='PackReIDInputs')]))
test_evaluator = dict(type='ReIDMetric')
test_cfg = dict()
'''


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(ROOT / 'tools' / 'test.py'))


@pytest.fixture
def config(tmp_path):
    """Config that tests on four people in two cameras, drawn here."""
    rng = np.random.default_rng(0)
    for domain in 'ab':
        for pid in range(4):
            folder = tmp_path / domain / (
                'train' if pid else 'val/all_imgs') / f'{pid:03}'
            folder.mkdir(parents=True)
            colour = rng.integers(0, 256, 3)
            for cam in (1, 2):
                image = colour + rng.integers(-20, 20, (32, 16, 3))
                cv2.imwrite(
                    str(folder / f'0{cam}_1.png'), image.clip(0, 255))
    file = tmp_path / 'config.py'
    file.write_text(CONFIG.format(root=ROOT, folder=tmp_path))
    return file


def stop_message(tool, capsys, *arguments):
    with pytest.raises(SystemExit):
        tool['parse_args']([str(argument) for argument in arguments])
    return capsys.readouterr().err


def test_arguments(tool, config):
    args = tool['parse_args']([
        str(config), 'none', '--domains', 'Market1501:data/m',
        'PKUReid:data/p:name=shop,pid_range=0,cut=0.5', '--cfg-options',
        'test_dataloader.batch_size=2'
    ])
    assert args.domains == [{
        'type': 'Market1501',
        'data_root': 'data/m'
    }, {
        'type': 'PKUReid',
        'data_root': 'data/p',
        'name': 'shop',
        'pid_range': 0,
        'cut': .5
    }]
    cfg = tool['build_config'](args)
    assert cfg.test_dataloader.dataset.domains == args.domains
    assert cfg.test_dataloader.batch_size == 2
    assert cfg.load_from is None
    assert cfg.work_dir == 'work_dirs/config'


def test_a_config_that_resumes_does_not_tell_its_start(tool, config):
    config.write_text(
        config.read_text() + "load_from = 'epoch_1.pth'\nresume = True\n")
    args = tool['parse_args']([str(config), 'none'])
    with pytest.raises(ValueError, match='resumes epoch_1.pth, which is not'):
        tool['build_config'](args)


def test_config_without_retrieval_dataset(tool, tmp_path):
    config = tmp_path / 'bare.py'
    config.write_text('model = dict()\n')
    args = tool['parse_args']([str(config), 'none'])
    with pytest.raises(ValueError, match='bare.py: test_dataloader.dataset'):
        tool['build_config'](args)


@pytest.mark.parametrize('domain', ['Market1501', 'Market1501:'])
def test_bad_domain(tool, config, capsys, domain):
    error = stop_message(tool, capsys, config, 'none', '--domains', domain)
    assert 'is not TYPE:PATH' in error


def test_unknown_domain(tool, config):
    args = tool['parse_args'](
        [str(config), 'none', '--domains', 'RetrievalDataset:data'])
    with pytest.raises(ValueError, match='no data set type.*custom_imports'):
        tool['build_config'](args)


def test_bad_files_and_numbers(tool, config, capsys, tmp_path):
    assert 'there is no file' in stop_message(tool, capsys, config,
                                              tmp_path / 'gone.pth')
    assert 'gone.py' in stop_message(tool, capsys, tmp_path / 'gone.py',
                                     'none')
    assert '--topk must be above 0' in stop_message(tool, capsys, config,
                                                    'none', '--topk', 0)


def test_checkpoint_and_other_domains(tool, config, tmp_path):
    """Initial weights, the same from a file, and a file that does not fit."""
    import mmengine.runner
    common = ['--work-dir', str(tmp_path / 'work')]
    out = tmp_path / 'new' / 'none.json'
    tool['main']([str(config), 'none', '--out', str(out), *common])
    before = json.loads(out.read_text())
    assert before['results']['pku-reid/queries'] == 4
    assert before['seed'] == 0 and before['checkpoint'] == 'none'
    assert before['versions']['torch'] == torch.__version__
    assert before['precision'] == 'fp32'

    torch.manual_seed(5)
    model = mmengine.runner.Runner.from_cfg(tool['build_config'](
        tool['parse_args']([str(config), 'none', *common]))).model
    weights = model.state_dict()
    checkpoint = tmp_path / 'weights.pth'
    torch.save({'state_dict': weights}, checkpoint)
    out = tmp_path / 'two.json'
    tool['main']([
        str(config), str(checkpoint), '--out', str(out), '--show-dir',
        str(tmp_path / 'show'), '--topk', '2', '--domains',
        f'PKUReid:{tmp_path}/a', f'PKUReid:{tmp_path}/b:name=other', *common
    ])
    after = json.loads(out.read_text())
    assert [d['name'] for d in after['domains']] == ['pku-reid', 'other']
    assert after['domains'][1]['data_root'] == f'{tmp_path}/b'
    assert {'pku-reid/mAP', 'other/rank-1', 'mean/mINP'} <= set(
        after['results'])
    assert {f.name for f in (tmp_path / 'show').iterdir()
            } == {'pku-reid.png', 'other.png'}

    assert after['checkpoint_rule'] == 'unknown'  # it has no meta data

    del weights['backbone.conv1.conv.weight']
    torch.save(weights, checkpoint)
    with pytest.raises(ValueError, match='weights.pth does not fit the model: '
                       r"1 tensors.*: 'backbone.conv1.conv.weight'\."):
        tool['main']([str(config), str(checkpoint), *common])


def test_a_result_is_checked_again_from_its_features(tool, config, tmp_path,
                                                     capsys):
    work = tmp_path / 'work'
    features = work / 'features.npz'
    tool['main']([
        str(config), 'none', '--work-dir', str(work), '--save-features',
        str(features), '--cfg-options', 'randomness.seed=3',
        'precision=bf16'
    ])
    file = work / 'results.json'
    result = read_result(file)
    assert result['checkpoint_rule'] == 'untrained'
    assert result['precision'] == 'bf16'
    assert result['seed'] == 3
    assert result['method'] == 'config'
    assert result['protocol'] == 'nothing -> pku-reid'
    assert result['evaluators'][0]['cross_camera'] is True
    domain, = result['domains']
    assert (domain['split'], domain['boxes']) == ('official', 'as published')
    assert domain['query']['images'] == 4
    assert not list(work.glob('*.part'))
    values = read_queries(file)['pku-reid'].summary()
    assert values['mAP'] == pytest.approx(result['results']['pku-reid/mAP'])

    capsys.readouterr()
    tool['main'](['--from-features', str(features)])
    assert 'scores are confirmed by' in capsys.readouterr().out

    text = json.loads(file.read_text())
    text['results']['pku-reid/mAP'] += .01
    text['results']['pku-reid/rank-3'] = 1.
    other = tmp_path / 'changed.json'
    other.write_text(json.dumps(text))
    with pytest.raises(ValueError, match='2 values differ:\npku-reid/mAP: rec'
                       '.*\npku-reid/rank-3: recorded 1.0, computed None'):
        tool['main']([
            '--from-features', str(features), '--results', str(other)
        ])
    np.savez(features, **{**np.load(features), 'extra': np.zeros(1)})
    with pytest.raises(ValueError, match='is not the file that'):
        tool['main'](['--from-features', str(features)])


def test_options_that_exclude_each_other(tool, config, capsys, tmp_path):
    assert 'name a config and a checkpoint' in stop_message(tool, capsys)
    assert 'give no config' in stop_message(
        tool, capsys, config, 'none', '--from-features', 'f.npz')
    assert '--results is for --from-features' in stop_message(
        tool, capsys, config, 'none', '--results', 'r.json')


RULE_CONFIG = '''
_base_ = ['{config}']
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
default_hooks = dict(checkpoint=dict(save_best='pku-reid-val/mAP'))
source = dict(type='PKUReid', data_root='x', role='labelled',
              pid_range=(0, 2))
train_dataloader = dict(
    dataset=dict(type='DomainMixture', domains=[source]))
val_dataloader = dict(dataset=dict(domains=[dict(
    type='SourceValidationSet',
    dataset=dict(type='PKUReid', data_root='x', pid_range=(2, 4)))]))
val_evaluator = dict(type='ReIDMetric')
val_cfg = dict()
'''


def test_the_rule_by_which_a_checkpoint_was_chosen(tool, config, tmp_path):
    import mmengine.runner
    trained = tmp_path / 'rule.py'
    trained.write_text(RULE_CONFIG.format(config=config))
    work = ['--work-dir', str(tmp_path / 'work')]
    cfg = tool['build_config'](
        tool['parse_args']([str(config), 'none', *work]))
    weights = mmengine.runner.Runner.from_cfg(cfg).model.state_dict()
    expected = {
        'epoch_1': 'epoch 1 of 2',
        'epoch_2': 'last',
        'best_pku-reid-val_mAP_epoch_1': 'source_val'
    }
    for name, rule in expected.items():
        file = tmp_path / f'{name}.pth'
        meta = {'epoch': int(name[-1]), 'iter': 9, 'seed': 7}
        torch.save({'meta': meta, 'state_dict': weights}, file)
        out = tmp_path / f'{name}.json'
        tool['main']([str(trained), str(file), '--out', str(out), *work])
        result = read_result(out)
        assert result['checkpoint_rule'] == rule
        assert result['training_seed'] == 7
        assert result['protocol'] == (
            'PKUReid (labelled, pid_range (0, 2)) -> pku-reid')
    with pytest.raises(ValueError, match="is 'source_val' by its name"):
        tool['main']([str(trained), str(file), '--checkpoint-rule', 'last',
                      *work])


def test_what_is_told_of_the_training_is_that_of_the_checkpoint(
        tool, config, tmp_path):
    """Tested with a config of other sources."""
    checkpoint = Path(model_of(tool, config, tmp_path))
    content = torch.load(checkpoint, weights_only=True)
    content['meta'] = dict(epoch=2, method_sha256='ab', cfg=(
        'train_cfg = dict(max_epochs=2)\nprotocol = "mine"\n'
        'train_dataloader = dict(dataset=dict(domains=[dict(type="PKUReid", '
        f'data_root="{tmp_path}/a", role="unlabelled")]))'))
    torch.save(content, checkpoint)
    tool['main']([str(config), str(checkpoint), '--work-dir', str(tmp_path)])
    result = read_result(tmp_path / 'results.json')
    assert result['checkpoint_rule'] == 'last'
    assert result['protocol'] == 'PKUReid (unlabelled) -> pku-reid'
    assert [s['role'] for s in result['sources']] == ['unlabelled']
    assert result['domains'][0]['seen_in_training'] == 'unlabelled'


def test_results_of_another_checkpoint_stay(tool, config, tmp_path):
    work = ['--work-dir', str(tmp_path / 'work')]
    checkpoint = Path(model_of(tool, config, tmp_path))
    file = tmp_path / 'work' / 'results.json'
    for name in ('none', str(checkpoint), str(checkpoint)):
        tool['main']([str(config), name, *work])
        assert read_result(file)['checkpoint'].endswith(name[-12:])
    before = file.read_bytes()
    torch.save(dict(torch.load(checkpoint, weights_only=True), meta={}),
               checkpoint)
    for name in ('none', str(checkpoint)):
        with pytest.raises(FileExistsError, match=(
                r'results\.json holds .*weights\.pth, with other weights')):
            tool['main']([str(config), name, *work])
    assert file.read_bytes() == before


def test_the_place_of_the_output_is_tried_first(
        tool, config, tmp_path, capsys):
    for option in ('--out', '--save-features', '--show-dir'):
        assert f'argument {option}: {config}/x' in stop_message(
            tool, capsys, config, 'none', option, f'{config}/x')
    (tmp_path / 'results.json').mkdir()
    with pytest.raises(IsADirectoryError, match='results.json is a folder'):
        tool['main']([str(config), 'none', '--work-dir', str(tmp_path)])


@pytest.mark.parametrize('name', ['model.onnx', 'model.xml'])
def test_exported_model_is_tested_like_its_checkpoint(
        tool, config, tmp_path, name):
    """Same scores, and what is known of the training goes along."""
    pytest.importorskip(
        'openvino' if name.endswith('.xml') else 'onnxruntime')
    pytest.importorskip('onnxscript')
    cfg = Config.fromfile(config)
    checkpoint = write_checkpoint(tmp_path / 'best_3.pth', cfg)
    exported = tmp_path / name
    content = export_onnx(load_trained_model(checkpoint))
    if exported.suffix == '.xml':
        write_openvino(content, exported)
    else:
        exported.write_bytes(content)
    found = {}
    for file in (checkpoint, exported):
        out = tmp_path / f'{file.suffix[1:]}.json'
        tool['main']([str(config), str(file), '--out', str(out), '--work-dir',
                      str(tmp_path / 'work')])
        found[file.suffix] = read_result(out)
    of_torch, of_export = found['.pth'], found[exported.suffix]
    assert of_export['results'] == pytest.approx(of_torch['results'])
    assert of_export['checkpoint'] == str(exported)
    for key in ('checkpoint_rule', 'training_seed', 'config_sha256'):
        assert of_export[key] == of_torch[key]
    assert of_export['checkpoint_rule'] == 'oracle'  # a file best_*
    assert of_export['training_seed'] == 7


def model_of(tool, config, tmp_path):
    """A checkpoint of the weights that the config starts from."""
    import mmengine.runner
    torch.manual_seed(5)
    model = mmengine.runner.Runner.from_cfg(tool['build_config'](
        tool['parse_args']([str(config), 'none', '--work-dir',
                            str(tmp_path / 'model')]))).model
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'weights.pth')
    return str(tmp_path / 'weights.pth')


def test_camera_profiles_of_tested_images_and_of_files(
        tool, config, tmp_path, capsys):
    """Two domains of other people, each with its statistics."""
    weights = model_of(tool, config, tmp_path)
    domains = [f'PKUReid:{tmp_path}/a', f'PKUReid:{tmp_path}/b:name=other']

    def results(*options):
        out = tmp_path / 'work' / 'results.json'
        tool['main']([str(config), weights, '--out', str(out), '--work-dir',
                      str(tmp_path / 'work'), '--save-features',
                      str(tmp_path / 'work' / 'f.npz'), '--domains',
                      *domains, *options])
        return read_result(out)

    plain = results()
    assert plain['batch_norm'] is None
    tested = results('--camera-profiles', 'tested')
    assert plain['results'].items() <= tested['results'].items()
    assert 'other+tested-profiles/mAP' in tested['results']
    features = str(tmp_path / 'work' / 'f.npz')
    tool['main'](['--from-features', features])
    assert 'are confirmed by' in capsys.readouterr().out

    adapted = results('--camera-profiles', 'tested', '--batch-norm')
    assert adapted['batch_norm'] == 'tested'

    maker = runpy.run_path(str(ROOT / 'tools/gallery/camera_profiles.py'))
    for batch_norm in ([], ['--batch-norm']):
        files = [str(tmp_path / f'{n}.npz') for n in range(2)]
        for file, domain in zip(files, domains):
            domain += ',' if domain.count(':') == 2 else ':'
            assert maker['main']([
                str(config), '--weights', weights, '--domain',
                f'{domain}subset=all', '--out', file, *batch_norm]) == 0
        own = results('--camera-profiles', *files)
        assert own['batch_norm'] == ('files' if batch_norm else None)
        wanted = (adapted if batch_norm else tested)['results']
        assert own['results'] == {
            key.replace('tested-profiles', 'profiles'): pytest.approx(value)
            for key, value in wanted.items()}
    with pytest.raises(ValueError, match=r"of the domains \['other'\]"):
        results('--camera-profiles', files[0])
    other = torch.load(weights, weights_only=True)
    other['state_dict']['backbone.conv1.conv.weight'] *= 2
    torch.save(other, weights)
    with pytest.raises(ValueError, match='were made with the model'):
        results('--camera-profiles', *files)


@pytest.mark.parametrize('options, message', [
    (['--batch-norm'], '--batch-norm is for --camera-profiles tested'),
    (['--camera-profiles', 'a.npz'], 'belong to a checkpoint'),
])
def test_wrong_options_of_profiles(tool, config, capsys, options, message):
    assert message in stop_message(tool, capsys, config, 'none', *options)
