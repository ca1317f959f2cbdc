"""Every config is complete and fits the data sets it names."""

from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmreidmix import registry
from mmreidmix.models.parts import Widths
from mmreidmix.pseudo_labels import JaccardDBSCAN
from mmreidmix.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1] / 'configs'
FILES = sorted(str(f.relative_to(ROOT)) for f in ROOT.rglob('*.py')
               if '_base_' not in f.parts)
#: What a run consists of; all else in a config is a helper.
KEYS = {
    'default_scope', 'default_hooks', 'custom_hooks', 'env_cfg',
    'vis_backends', 'visualizer', 'randomness', 'log_level', 'load_from',
    'resume', 'model', 'protocol', 'train_pipeline', 'test_pipeline',
    'train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator',
    'test_evaluator', 'optim_wrapper', 'param_scheduler', 'train_cfg',
    'val_cfg', 'test_cfg', 'find_unused_parameters',
    'activation_checkpointing', 'precision'
}
_loaded = {}


def load(file) -> Config:
    """A config, read once for all tests."""
    if file not in _loaded:
        _loaded[file] = Config.fromfile(ROOT / file)
    return _loaded[file]


@pytest.fixture(params=FILES)
def cfg(request) -> Config:
    return load(request.param)


def test_there_are_configs():
    assert 'domainmix/r50_personx_msmt.py' in FILES
    assert len(FILES) == len({Path(f).name for f in FILES})


def assert_registered(name, parent):
    """The name is found from the scope of this project."""
    child = getattr(registry, parent)
    assert child.get(name) is not None, f'{parent} has no {name}'


def parts_of(cfg):
    """Registry name and type of everything that is built by name."""
    for hook in [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]:
        if hook is not None:
            yield 'HOOKS', hook.type
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        yield 'DATA_SAMPLERS', loader.sampler.type
        if 'batch_sampler' in loader:
            yield 'DATA_SAMPLERS', loader.batch_sampler.type
        yield 'DATASETS', loader.dataset.type
        for domain in loader.dataset.domains:
            yield 'DATASETS', domain.type
        for transform in loader.dataset.pipeline:
            yield 'TRANSFORMS', transform.type
    for scheduler in cfg.get('param_scheduler') or []:
        yield 'PARAM_SCHEDULERS', scheduler.type
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        yield 'METRICS', evaluator.type
    yield 'OPTIM_WRAPPERS', cfg.optim_wrapper.type
    yield 'OPTIMIZERS', cfg.optim_wrapper.optimizer.type
    if 'constructor' in cfg.optim_wrapper:
        yield 'OPTIM_WRAPPER_CONSTRUCTORS', cfg.optim_wrapper.constructor


def test_every_name_is_registered(cfg):
    for parent, name in parts_of(cfg):
        assert_registered(name, parent)


def test_model_can_be_built(cfg):
    """On the meta device: all layers and shapes, no memory, no weights."""
    backbone = dict(type=StandIn, width=width_of(cfg.model.backbone))
    with torch.device('meta'):
        built = MODELS.build(dict(cfg.model.to_dict(), backbone=backbone))
    width = built.bnneck.bn.num_features
    heads = [weight.shape[1] for weight in built.identity_weights()]
    if cfg.model['type'] == 'DomainMix':
        heads.append(built.domain_head.layers[0].in_features)
    assert set(heads) <= {width}


#: Widths of ViTs, which give vectors.
VITS = (384, 1024)


class StandIn(torch.nn.Module):
    """A backbone without weights that gives as many channels."""

    def __init__(self, width):
        super().__init__()
        self.width, self.layer3 = width, torch.nn.Identity()

    def forward(self, images):
        size = (4, 2) if self.width not in VITS else ()
        return (self.layer3(torch.zeros(len(images), self.width, *size)), )


_widths = {}


def width_of(backbone) -> int:
    """Channels of the last output; each backbone is built once."""
    key = str(backbone)
    if key not in _widths:
        built = MODELS.build(backbone)
        _widths[key] = Widths(built, torch.nn.Identity()).map()
    return _widths[key]


EMBEDDERS = {
    str([cfg.model[key] for key in ('backbone', 'neck', 'bnneck')]): cfg.model
    for cfg in map(load, FILES)
}


@pytest.mark.parametrize('model', EMBEDDERS.values(),
                         ids=lambda model: model.backbone.type)
def test_backbone_neck_and_bnneck_fit(model):
    """Each combination once, for real, without reading its weights."""
    embed = MODELS.build(
        dict(
            type='ReIDBaseline',
            **{
                key: model[key]
                for key in ('backbone', 'neck', 'bnneck')
            })).eval()
    with torch.no_grad():
        embeddings = embed(torch.rand(1, 3, 256, 128))
    assert embeddings.shape == (1, embed.bnneck.bn.num_features)


def domain_name(domain) -> str:
    """The name that a domain will have, without reading it."""
    if domain.get('name'):
        return domain.name
    kind = DATASETS.get(domain.type)
    default = signature(kind.__init__).parameters.get('name')
    if default is not None and default.default:
        return default.default
    if not isinstance(kind.canonical_name, property):
        return kind.canonical_name
    options = dict(
        version='v1', train_list='trainval', boxes='detected', subset='train')
    return kind.canonical_name.fget(
        SimpleNamespace(**{k: domain.get(k, v) for k, v in options.items()}))


def test_quotas_name_domains_and_form_the_batch(cfg):
    loader = cfg.train_dataloader
    sampler = loader.batch_sampler
    names = {domain_name(d) for d in loader.dataset.domains}
    assert len(names) == len(loader.dataset.domains)
    quotas = sampler.get('quotas') or {}
    if quotas == 'equal':
        quotas = dict.fromkeys(names, 1)
    assert set(quotas) <= names
    roles = {domain.role for domain in loader.dataset.domains}
    if len(roles) == 2 and cfg.model.get('domain_label') != 'released':
        assert set(quotas) == names
    block = sampler.num_instances * max(1, sum(quotas.values()))
    assert loader.batch_size % block == 0
    group = cfg.model.get('bn_group_size')
    assert group is None or loader.batch_size % group == 0


def smallest_cluster(options) -> int:
    """Images that a pseudo identity has at least."""
    clusterer = JaccardDBSCAN(**options)
    if clusterer.criteria is None:
        return 2  # border images may have gone to another cluster
    return clusterer.min_size if 'quantity' in clusterer.criteria else 2


def is_standard(file) -> bool:
    """Whether it trains on official data sets, whose counts are known."""
    domains = load(file).train_dataloader.dataset.domains
    return not any(domain.get('name') for domain in domains)


@pytest.mark.parametrize('file', [
    f for f in filter(is_standard, FILES) if 'id_head' in load(f).model
])
def test_classifier_has_room(file):
    cfg = load(file)
    domains = cfg.train_dataloader.dataset.domains
    needed = 0
    for domain in domains:
        images, pids, _ = DATASETS.get(domain.type).expected[
            domain.get('subset', 'train')]
        labelled = domain.role == 'labelled'
        needed += pids if labelled else images // smallest_cluster(
            cfg.default_hooks.pseudo_labels.get('clustering', {}))
    assert cfg.model.id_head.max_classes >= needed


def test_unlabelled_domains_have_pseudo_labels(cfg):
    roles = {d.role for d in cfg.train_dataloader.dataset.domains}
    assert ('unlabelled' in roles) <= ('pseudo_labels' in cfg.default_hooks)


def test_helper_variables_are_no_part_of_a_run(cfg):
    for key in cfg:
        assert key.startswith('_') or key in KEYS, key


def test_hooks_can_be_built(cfg):
    for hook in cfg.default_hooks.values():
        if hook is not None:
            registry.HOOKS.build(hook)


def test_test_transforms_are_without_chance(cfg):
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert not [t.type for t in loader.dataset.pipeline
                    if 'Random' in t.type]
    # Images are embedded for pseudo labels as they are for a test.
    assert cfg.val_dataloader.dataset.pipeline == (
        cfg.test_dataloader.dataset.pipeline)
    assert 'pipeline' not in cfg.default_hooks.get('pseudo_labels', {})


@pytest.mark.parametrize('file', [f for f in FILES if 'released' in f])
def test_released_recipe_is_the_released_one(file):
    cfg = load(file)
    model, sampler = cfg.model, cfg.train_dataloader.batch_sampler
    assert cfg.train_dataloader.batch_size == 64
    assert sampler.num_instances == 4
    assert sampler.iters_per_epoch == 2000
    assert sampler.get('quotas') is None
    assert model.domain_label == 'released'
    assert model.classifier_init == 'unit'
    assert model.bn_group_size == 16
    assert model.id_head.loss.temperature == 2
    assert model.id_head.loss.get('label_smoothing', 0.1) == 0.1
    assert model.domain_head.temperature == 2
    assert model.triplet.get('margin') is None
    hook = cfg.default_hooks.pseudo_labels
    assert not hook.reset_moments and not hook.bf16
    assert hook.clustering == dict(
        k1=30, k2=6, eps=0.6, eps_gap=0.02, min_samples=4, min_size=5)
