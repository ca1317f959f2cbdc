# Toy pedestrians: labelled 'synthetic', unlabelled 'real_a', tested on
# 'unseen'. `bash tools/quickstart.sh` generates them under data/toy.
_base_ = ['./pipeline_128x64.py', './loaders_cpu.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'toy-synthetic': 1,
            'toy-real_a': 1,
        },
        iters_per_epoch=150),
    dataset=dict(
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
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/toy/unseen',
                name='toy-unseen'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
