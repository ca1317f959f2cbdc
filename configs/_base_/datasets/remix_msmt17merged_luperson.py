# Labelled MSMT17 with all its parts joined (126,441 images, 4,101 people),
# videos of LUPerson; tested on Market-1501, which is not seen.
_base_ = ['./remix_pipeline_256x128.py', './loaders.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'msmt17-v1-merged': 1,
            'luperson': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17',
                subset='all',
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
                type='Market1501',
                data_root='data/market1501'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
