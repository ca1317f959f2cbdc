# Unsupervised domain adaptation: labelled DukeMTMC-reID, the training images
# of MSMT17 without labels; tested on MSMT17. The target is seen: not to be
# compared with the other protocols.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'DukeMTMC-reID + MSMT17 without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'dukemtmc-reid': 1,
            'msmt17-v1': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='DukeMTMCReID',
                data_root='data/dukemtmc',
                role='labelled'),
            dict(
                type='MSMT17',
                data_root='data/msmt17',
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
