# Unsupervised domain adaptation: labelled Market-1501, the training images of
# DukeMTMC-reID without labels; tested on DukeMTMC-reID. The target is seen:
# not to be compared with the other protocols.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'Market-1501 + DukeMTMC-reID without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'market1501': 1,
            'dukemtmc-reid': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501',
                role='labelled'),
            dict(
                type='DukeMTMCReID',
                data_root='data/dukemtmc',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='DukeMTMCReID',
                data_root='data/dukemtmc'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
