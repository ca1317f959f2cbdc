# Labelled RandPerson, unlabelled Market-1501; tested on MSMT17, which is
# not seen.
_base_ = ['./pipeline_256x128.py', './loaders.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'randperson-subset': 1,
            'market1501': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='RandPerson',
                data_root='data/randperson',
                role='labelled'),
            dict(
                type='Market1501',
                data_root='data/market1501',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
