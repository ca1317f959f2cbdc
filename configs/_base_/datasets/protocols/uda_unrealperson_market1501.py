# Unsupervised domain adaptation: labelled UnrealPerson, the training images of
# Market-1501 without labels; tested on Market-1501. The target is seen: not to
# be compared with the other protocols.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'UnrealPerson + Market-1501 without labels, training parts')
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'unreal-list120k': 1,
            'market1501': 1,
        }),
    dataset=dict(
        domains=[
            dict(
                type='UnrealPerson',
                data_root='data/unrealperson',
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
                type='Market1501',
                data_root='data/market1501'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
