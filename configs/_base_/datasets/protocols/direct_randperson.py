# Direct cross-dataset: labelled RandPerson; tested on Market-1501, MSMT17 and
# CUHK03-NP, which are not seen.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'direct cross-dataset: '
    'RandPerson, training parts')
train_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='RandPerson',
                data_root='data/randperson',
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
                type='MSMT17',
                data_root='data/msmt17'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
