# Real images, adaptation: labelled PKU-Reid, Market-1501 without labels (here
# a re-split of its training images, `market1501-dev`); tested on the held-out
# identities of Market-dev. Real data lie in the folder that
# MMREIDMIX_REALDATA names.
_base_ = ['./pipeline_128x64.py', './loaders_cpu.py']

_realdata = '{{$MMREIDMIX_REALDATA:data}}'
protocol = (
    'unsupervised domain adaptation: '
    'PKU-Reid + Market-1501-dev without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'pku-reid': 1,
            'market1501-dev': 1,
        },
        iters_per_epoch=120),
    dataset=dict(
        domains=[
            dict(
                type='PKUReid',
                data_root=f'{_realdata}/pku_reid',
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
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
