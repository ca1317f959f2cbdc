"""A ReMix run that takes seconds, on toy data."""

from pathlib import Path

from mmengine.config import Config

BASE = (Path(__file__).resolve().parents[1] / 'configs' / 'remix' /
        'r18_x0_25_toy.py')


def tiny_remix_config(toy: Path, **options) -> Config:
    """Two labelled cameras, two videos, 64 x 32; 2 epochs of 4 steps.

    Args:
        toy (Path): folder made by the fixture ``toy``.
        **options: dotted keys, with '__' for '.', and their values.
    """
    cfg = Config.fromfile(BASE)
    cfg.model.negatives = 'joint'
    small = [
        dict(type='LoadReIDImage'),
        dict(type='Resize', scale=(32, 64), backend='pillow'),
    ]
    views = dict(
        type='TwoViews', augmented=[dict(type='RandomFlip', prob=0.5)])
    pack = dict(type='PackReIDInputs')
    cfg.train_dataloader.dataset.pipeline = [*small, views, pack]
    cfg.train_dataloader.dataset.domains = [
        dict(
            type='Market1501',
            data_root=str(toy / 'real_a'),
            name='multi',
            role='labelled'),
        dict(
            type='PersonX',
            data_root=str(toy / 'synthetic'),
            name='single',
            role='unlabelled'),
    ]
    cfg.train_dataloader.batch_size = 16
    cfg.train_dataloader.batch_sampler = dict(
        type='PKBatchSampler',
        num_instances=4,
        quotas=dict(multi=1, single=1),
        iters_per_epoch=4)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline = [*small, pack]
        loader.dataset.domains = [
            dict(
                type='Market1501',
                data_root=str(toy / 'unseen'),
                name='toy-unseen')
        ]
    cfg.default_hooks.pseudo_labels.update(
        pipeline=[*small, pack],
        begin=0,
        min_size=2,
        max_images=None,
        clustering=dict(
            k1=6, k2=2, eps=0.6, min_samples=2, criteria=None))
    cfg.default_hooks.logger.interval = 1
    cfg.param_scheduler = []
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.merge_from_dict(
        {key.replace('__', '.'): value
         for key, value in options.items()})
    return cfg
