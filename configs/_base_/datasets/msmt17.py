# Labelled MSMT17; tested on Market-1501, which is not seen.
_base_ = ['./pipeline_256x128.py']

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler'),
    batch_sampler=dict(
        type='PKBatchSampler', num_instances=4, iters_per_epoch=400),
    dataset=dict(
        type='DomainMixture',
        domains=[
            dict(type='MSMT17', data_root='data/msmt17', role='labelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RetrievalDataset',
        domains=[dict(type='Market1501', data_root='data/market1501')],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='ReIDMetric')
test_evaluator = val_evaluator
