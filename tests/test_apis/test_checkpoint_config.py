"""Tests of mmreidmix.apis.checkpoint_config."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from mmpretrain.registry import MODELS as MMPRETRAIN

from mmreidmix.apis.checkpoint_config import check_types, without_init
from mmreidmix.config_text import parse_config
from mmreidmix.registry import MODELS, TRANSFORMS
from tests.tiny import ROOT

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=5), inner, max_size=3)
    | st.tuples(inner, inner), max_leaves=8)


@given(st.dictionaries(st.sampled_from(['a', 'model', 'b_c']), PLAIN))
def test_text_of_any_plain_config_is_read(values):
    text = '\n'.join(f'{name} = {value!r}' for name, value in values.items())
    assert parse_config(text) == values


@pytest.mark.parametrize('name', [
    'domainmix/r50_personx_msmt', 'remix/r50_ibn_market_luperson',
    'daam/mobilenet_v2_cuhk03_to_market', 'baseline/vit_small_msmt17'])
def test_texts_of_mmengine_are_read(name):
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    found = parse_config(cfg.pretty_text)
    expected = Config.fromstring(cfg.pretty_text, '.py').to_dict()
    for key in ('model', 'test_dataloader', 'train_dataloader'):
        assert found[key] == expected[key]
    check_types(without_init(found['model']), MODELS, 'file')
    check_types(found['test_dataloader']['dataset']['pipeline'], TRANSFORMS,
                'file')


def test_nothing_runs(tmp_path):
    file = tmp_path / 'made'
    found = parse_config(
        f'import pathlib\npathlib.Path({str(file)!r}).touch()\n'
        f'a = pathlib.Path({str(file)!r}).touch()\n'
        f'b = [open({str(file)!r}, "w")]\nc = dict(d=1)\n'
        'e = dict(**c)\nf = dict([(1, 2)])')
    assert found == dict(c=dict(d=1)) and not file.exists()


def test_keys_that_are_no_names():
    text = "a = dict({'x-y': 1, 'z': dict(k=(1, -2.5))}, w=None)"
    assert parse_config(text) == {
        'a': {'x-y': 1, 'z': {'k': (1, -2.5)}, 'w': None}}


def test_no_python():
    with pytest.raises(ValueError, match='config in the checkpoint can not'):
        parse_config('a = (')


@pytest.mark.parametrize('name', [
    'os.system', 'subprocess.Popen', 'mmengine.load', 'mmpretrain.apis.x',
    'NoSuchModel', 'mmreidmix.load', 5, 'builtins.exec',
    'mmengine.config.Config.fromfile'])
def test_foreign_components_are_refused(name):
    cfg = dict(type='ReIDBaseline', neck=[dict(type='BNNeck'),
                                          dict(inner=dict(type=name))])
    with pytest.raises(ValueError, match='names .* no registered model'):
        check_types(cfg, MODELS, 'x.pth')


def test_components_that_run_code_are_refused(monkeypatch):
    """As transformers' models are, where MMPretrain's extras are installed."""
    class AutoModelForCausalLM:
        __module__ = 'transformers.models.auto.modeling_auto'

    monkeypatch.setitem(MMPRETRAIN.module_dict, 'AutoModelForCausalLM',
                        AutoModelForCausalLM)
    for name in ('AutoModelForCausalLM', 'TIMMBackbone', 'TimmClassifier'):
        cfg = dict(type='ReIDBaseline', backbone=dict(
            type=f'mmpretrain.{name}', trust_remote_code=True))
        with pytest.raises(ValueError, match=(
                f"x.pth: its config names 'mmpretrain.{name}', which may load "
                'other files or run code. If you trust')):
            check_types(cfg, MODELS, 'x.pth')


@pytest.mark.parametrize('name', [
    'BNNeck', 'mmreidmix.BNNeck', 'mmpretrain.ResNet', 'BN', 'mmengine.BN',
    'mmpretrain.GlobalAveragePooling', 'mmpretrain.VisionTransformer',
    'mmpretrain.QuickGELU', 'TimmBackbone'])
def test_registered_components_are_taken(name):
    check_types(dict(type=name), MODELS, 'x.pth')
