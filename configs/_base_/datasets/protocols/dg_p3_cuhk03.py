# Domain generalisation, protocol 3: all images of Market-1501, MSMT17 and
# CUHK-SYSU, their test parts as well; tested on CUHK03-NP, which is not seen.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'DG protocol 3: '
    'Market-1501 + MSMT17 + CUHK-SYSU, all parts')
train_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501',
                subset='all',
                role='labelled'),
            dict(
                type='MSMT17',
                data_root='data/msmt17',
                subset='all',
                role='labelled'),
            dict(
                type='CUHKSYSU',
                data_root='data/cuhk-sysu',
                role='labelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
