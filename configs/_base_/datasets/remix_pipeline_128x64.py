# Height 128, width 64, two views: for toy data and small runs on a CPU.
_base_ = ['./pipeline_128x64.py']

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(64, 128)),
    dict(
        type='TwoViews',
        augmented=[
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='mmpretrain.RandomCrop', crop_size=(128, 64), padding=5),
        ]),
    dict(type='PackReIDInputs'),
]
