# Labelled MSMT17; tested on Market-1501, which is not seen.
_base_ = ['./pipeline_256x128.py', './loaders.py']

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
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
