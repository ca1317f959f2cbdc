"""The protocols of the literature: what is trained on, what is tested on."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmreidmix.registry import DATASETS, METRICS
from mmreidmix.toy.layouts import LAYOUTS, Plan

CONFIGS = Path(__file__).parents[1] / 'configs'
PROTOCOLS = Config.fromfile(
    CONFIGS / '_base_' / 'protocols.py')._protocols

# data root of the configs -> layout, of which only the names are written
TREES = {
    'market1501': 'market1501',
    'msmt17': 'msmt17-v1',
    'dukemtmc': 'dukemtmc-reid',
    'cuhk03-np': 'cuhk03np-detected',
    'cuhk02': 'cuhk02',
    'cuhk-sysu': 'cuhksysu-crops',
    'personx': 'personx-visda',
    'randperson': 'randperson-subset',
    'unrealperson': 'unreal-list120k',
    'prid2011': 'prid',
    'grid': 'grid',
    'viper': 'viper',
    'ilids119': 'ilids119',
}

# images and identities of all sources together
PUBLISHED = {
    'dg_p1': (85354, 16718),
    'dg_p2_cuhk03': (80131, 13726),
    'dg_p2_msmt17': (54875, 13452),
    'dg_p2_market1501': (74560, 13742),
    'dg_p3_cuhk03': (190434, 17536),
    'dg_p3_msmt17': (78090, 14902),
    'dg_p3_market1501': (175112, 17502),
    'direct_market1501': (12936, 751),
    'direct_msmt17': (32621, 1041),
    'direct_msmt17_merged': (126441, 4101),
    'direct_randperson': (132145, 8000),
}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Empty files under the names of small toy sets."""
    root = tmp_path_factory.mktemp('protocols')
    for folder, layout in TREES.items():
        rules = LAYOUTS[layout]
        plan = Plan(ids=10, test_ids=2 * rules.has_test,
                    images=min(2, rules.most_images), cameras=rules.cameras)
        top = root / 'data' / folder
        for job in rules.jobs(plan):
            path = top / job.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, text in rules.texts(plan).items():
            (top / name).write_bytes(
                text if isinstance(text, bytes) else text.encode())
    video = root / 'data/luperson/at/wien/street/00000001_0001.jpg'
    video.parent.mkdir(parents=True)
    video.touch()
    return root


def build_test(protocol):
    return DATASETS.build({'type': 'RetrievalDataset', **protocol.test})


@pytest.mark.parametrize('name', PROTOCOLS)
def test_builds_on_the_official_layouts(name, data, monkeypatch):
    monkeypatch.chdir(data)
    monkeypatch.setitem(DATASETS.get('DukeMTMCReID').__init__.__kwdefaults__,
                        'i_know_it_was_withdrawn', True)
    protocol = PROTOCOLS[name]
    mixture = DATASETS.build(dict(protocol.train, type='DomainMixture'))
    held_out = build_test(protocol)
    assert len(mixture) and len(held_out)
    roles = dict(zip(mixture.names, mixture.roles))
    shared = set(mixture.names) & set(held_out.names)
    if name.startswith('uda'):
        assert shared == set(held_out.names)
        assert [roles[target] for target in shared] == ['unlabelled']
        return
    trained = {type(d) for d in mixture.domains}
    assert not trained & {type(part) for part in held_out.parts}
    assert ('unlabelled' in roles.values()) == name.startswith(
        ('domainmix', 'remix'))


@pytest.mark.parametrize('name', PUBLISHED)
def test_sizes_are_those_of_the_literature(name):
    domains = PROTOCOLS[name].train.domains
    sizes = [DATASETS.get(d.type).expected[d.get('subset', 'train')]
             for d in domains]
    assert tuple(sum(column) for column in list(zip(*sizes))[:2]) == (
        PUBLISHED[name])


@pytest.mark.parametrize('name', PUBLISHED)
def test_there_is_a_training_config(name):
    file = name.replace('17_merged', '17merged')
    cfg = Config.fromfile(CONFIGS / 'baseline' / f'r50_{file}.py')
    assert cfg.model.id_head.max_classes == PUBLISHED[name][1]
    assert cfg.protocol == PROTOCOLS[name].protocol
    assert cfg.train_dataloader.dataset.domains == (
        PROTOCOLS[name].train.domains)
    assert cfg.test_dataloader == cfg.val_dataloader
    for key, value in PROTOCOLS[name].test.items():
        assert cfg.test_dataloader.dataset[key] == value
    assert cfg.test_evaluator == cfg.val_evaluator
    METRICS.build(cfg.val_evaluator)
    # Domains of one role come in their natural shares.
    assert 'quotas' not in cfg.train_dataloader.batch_sampler


def test_protocol_1_has_ten_splits_of_four_sets(data, monkeypatch):
    monkeypatch.chdir(data)
    held_out = build_test(PROTOCOLS.dg_p1)
    assert held_out.names == [
        f'{name}-{split}{"a" * (name == "viper")}'
        for name in ('prid', 'grid', 'viper', 'ilids119')
        for split in range(10)]
    # each image at most once: 20 of the three pairs of cameras, 40 of i-LIDS
    assert len(held_out) <= 3 * 20 + 40
    assert len(held_out.image_of_row) > 2 * len(held_out)


def test_every_protocol_says_what_it_is():
    texts = {name: entry.protocol for name, entry in PROTOCOLS.items()}
    assert len(set(texts.values())) == len(PROTOCOLS) == 28
    for name, text in texts.items():
        label = dict(dg='DG protocol ' + name[4:5], uda='unsupervised domain',
                     direct='direct', domainmix='DomainMix', remix='ReMix')
        assert text.startswith(label[name.partition('_')[0]])
