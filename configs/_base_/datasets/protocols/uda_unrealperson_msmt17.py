# Unsupervised domain adaptation: labelled UnrealPerson, the training images of
# MSMT17 without labels; tested on MSMT17. The target is seen: not to be
# compared with the other protocols.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'UnrealPerson + MSMT17 without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'unreal-list120k': 1,
            'msmt17-v1': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='UnrealPerson',
                data_root='data/unrealperson',
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
