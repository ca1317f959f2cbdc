# Labelled toy-synthetic, unlabelled Market-1501 (here a re-split of its
# training images, `market1501-dev`); tested on PKU-Reid, which is not seen,
# and on the held-out identities of Market-dev. Real data lie in the folder
# that MMREIDMIX_REALDATA names.
_base_ = ['./pipeline_160x80.py', './loaders_cpu.py']

_realdata = '{{$MMREIDMIX_REALDATA:data}}'
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'toy-synthetic': 1,
            'market1501-dev': 1,
        },
        iters_per_epoch=50),
    dataset=dict(
        domains=[
            dict(
                type='PersonX',
                data_root='data/toy/synthetic',
                name='toy-synthetic',
                role='labelled'),
            dict(
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='PKUReid',
                data_root=f'{_realdata}/pku_reid'),
            dict(
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
