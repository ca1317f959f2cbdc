"""A work dir as a training leaves it, without a training."""

import json
from pathlib import Path

import pytest

LOG = '''\
2025/01/31 12:00:00 - mmengine - INFO - 
------------------------------------------------------------
System environment:
    sys.platform: linux
    Python: 3.11.7 (main, May  9 2026) [GCC 12.2.0]
    CUDA available: True
    numpy_random_seed: 5
    GPU 0,1: Some Card
    PyTorch: 2.13.0
    PyTorch compiling details: PyTorch built with:
  - GCC 13.3

Runtime environment:
    seed: 5
    GPU number: 2
------------------------------------------------------------

2025/01/31 12:00:01 - mmengine - INFO - shop train: 7 junk images dropped
2025/01/31 12:00:01 - mmengine - INFO - shop train: 1,200 images, 40 identities, 3 cameras
2025/01/31 12:00:01 - mmengine - INFO - street train: 900 images, 30 identities, 9 cameras
2025/01/31 12:00:01 - mmengine - INFO - street train: 9 videos of 5 to 200 images, median 90, 0 of one image
2025/01/31 12:00:01 - mmengine - INFO - Training mixture:
  shop                     labelled       1200 images      40 identities    3 cameras
  street                   unlabelled      900 images  hidden identities    9 cameras
  40 labelled identities in all
2025/01/31 12:00:02 - mmengine - INFO - mall query: 20 images, 10 identities, 2 cameras
2025/01/31 12:00:02 - mmengine - INFO - mall gallery: 60 images, 10 identities, 2 cameras
Name of parameter - Initialization information
2025/01/31 12:00:02 - mmengine - WARNING - mall: 3 of 60 gallery images are queries too
2025/01/31 12:00:03 - mmengine - INFO - Checkpoints will be saved to work.
2025/01/31 12:30:00 - mmengine - INFO - Exp name: my_mix_20250131_120000
2025/01/31 12:30:00 - mmengine - INFO - Saving checkpoint at 1 epochs
2025/01/31 13:04:30 - mmengine - INFO - Saving checkpoint at 2 epochs
'''  # noqa: E501, W291

CONFIG = '''\
default_scope = 'mmreidmix'
model = dict(type='DomainMix', id_head=dict(max_classes=90))
train_cfg = dict(max_epochs=2)
train_dataloader = dict(dataset=dict(domains=[
    dict(type='Market1501', data_root='data/shop', name='shop', role='labelled'),
    dict(type='Market1501', data_root='data/street', name='street', role='unlabelled')]))
val_dataloader = dict(dataset=dict(domains=[
    dict(type='MSMT17', data_root='data/mall', name='mall')]))
'''  # noqa: E501

SCALARS = [
    {'loss': 3.0, 'epoch': 1, 'iter': 10, 'step': 10},
    {'mall/mAP': .5, 'mall/rank-1': .75, 'mall/queries': 20, 'step': 1},
    {'pseudo_labels/street/ari': .25, 'step': 10},
    {'loss': 2.0, 'epoch': 2, 'iter': 20, 'step': 20},
    {'mall/mAP': .25, 'mall/rank-1': .625, 'mall/queries': 20, 'step': 2},
]


@pytest.fixture
def make_work_dir(tmp_path):
    """Function that writes a work dir; None leaves a part out."""
    def make(name='work', log=LOG, config=CONFIG, scalars=SCALARS) -> Path:
        work = tmp_path / name
        run = work / '20250131_120000'
        (run / 'vis_data').mkdir(parents=True)
        if log is not None:
            (run / f'{run.name}.log').write_text(log, encoding='utf-8')
        if config is not None:
            (work / 'my_mix.py').write_text(config, encoding='utf-8')
            (run / 'vis_data' / 'config.py').write_text(
                config, encoding='utf-8')
        if scalars is not None:
            (run / 'vis_data' / 'scalars.json').write_text(
                ''.join(f'{json.dumps(row)}\n' for row in scalars))
        (work / 'last_checkpoint').write_text('moved/since/epoch_2.pth')
        (work / 'epoch_2.pth').write_bytes(b'')
        return work
    return make


@pytest.fixture
def result():
    """Function that makes the content of a result file."""
    def make(**changes) -> dict:
        return {
            'results': {'mall/mAP': .4, 'mall/rank-1': .5, 'mall/queries': 20},
            'protocol': 'shop + street -> mall', 'sources': [],
            'domains': [{
                'name': 'mall', 'boxes': 'as published', 'split': 'official',
                'sha256': 'ab', 'seen_in_training': 'no', 'counts_ok': True,
                'query': {'images': 20, 'identities': 10}, 'gallery': {}}],
            'evaluators': [{'type': 'ReIDMetric', 'metric': 'cosine'}],
            'method': 'my_mix', 'config': 'my_mix.py', 'config_sha256': 'cd',
            'checkpoint': 'work/epoch_2.pth', 'checkpoint_rule': 'last',
            'training_seed': 5, 'seed': 0, 'versions': {}, **changes}
    return make
