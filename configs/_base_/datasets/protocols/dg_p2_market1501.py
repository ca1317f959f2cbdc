# Domain generalisation, protocol 2: the training parts of MSMT17, CUHK-SYSU
# and CUHK03-NP (CUHK-SYSU has no other); tested on Market-1501, which is not
# seen.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'DG protocol 2: '
    'MSMT17 + CUHK-SYSU + CUHK03-NP, training parts')
train_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17',
                role='labelled'),
            dict(
                type='CUHKSYSU',
                data_root='data/cuhk-sysu',
                role='labelled'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np',
                role='labelled'),
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
