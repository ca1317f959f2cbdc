# Labelled Market-1501, videos of LUPerson; tested on MSMT17, which is not
# seen.
_base_ = ['./remix_pipeline_256x128.py', './loaders.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'market1501': 1,
            'luperson': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501',
                role='labelled'),
            dict(
                type='LUPerson',
                data_root='data/luperson',
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
