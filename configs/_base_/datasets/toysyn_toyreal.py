# Toy pedestrians: labelled 'synthetic', unlabelled 'real_a', tested on
# 'unseen'. `bash tools/quickstart.sh` generates them under data/toy.
_base_ = ['./pipeline_128x64.py']

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler'),
    batch_sampler=dict(
        type='PKBatchSampler',
        num_instances=4,
        quotas={
            'toy-synthetic': 1,
            'toy-real_a': 1
        },
        iters_per_epoch=100),
    dataset=dict(
        type='DomainMixture',
        domains=[
            dict(
                type='PersonX',
                data_root='data/toy/synthetic',
                name='toy-synthetic',
                role='labelled'),
            dict(
                type='Market1501',
                data_root='data/toy/real_a',
                name='toy-real_a',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    batch_size=128,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RetrievalDataset',
        domains=[
            dict(
                type='Market1501',
                data_root='data/toy/unseen',
                name='toy-unseen'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='ReIDMetric')
test_evaluator = val_evaluator
