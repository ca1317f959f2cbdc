# Direct cross-dataset: labelled MSMT17; tested on Market-1501 and CUHK03-NP,
# which are not seen.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'direct cross-dataset: '
    'MSMT17, training parts')
train_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17',
                role='labelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
