# DomainMix: labelled RandPerson, unlabelled CUHK03-NP; tested on Market-1501
# and MSMT17, of which nothing is seen.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'DomainMix: '
    'RandPerson + CUHK03-NP without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'randperson-subset': 1,
            'cuhk03np-detected': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='RandPerson',
                data_root='data/randperson',
                role='labelled'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501'),
            dict(
                type='MSMT17',
                data_root='data/msmt17'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
