# Toy pedestrians, adaptation: labelled 'synthetic', the training images of
# 'target' without labels; tested on 'target'.
#   python tools/make_toy_data.py data/toy/synthetic --layout personx \
#       --style synthetic --ids 200 --seed 1
#   python tools/make_toy_data.py data/toy/target --layout market1501 \
#       --style real_b --ids 150 --test-ids 60 --seed 1
_base_ = ['./pipeline_128x64.py', './loaders_cpu.py']

protocol = 'unsupervised domain adaptation: toy synthetic + toy target'
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'toy-synthetic': 1,
            'toy-target': 1,
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
                data_root='data/toy/target',
                name='toy-target',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/toy/target',
                name='toy-target'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
