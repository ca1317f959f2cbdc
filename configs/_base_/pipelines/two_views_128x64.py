# Height 128, width 64, two views: for toy data and small runs on a CPU.
_base_ = './128x64.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(64, 128), backend='pillow'),
    dict(
        type='TwoViews',
        augmented=[
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='mmpretrain.RandomCrop', crop_size=(128, 64), padding=5),
            # Colours and background of a video are not to be relied on. (A
            # change of hue fails in mmcv with NumPy 2.)
            dict(
                type='mmpretrain.ColorJitter',
                brightness=0.3,
                contrast=0.3,
                saturation=0.3),
            dict(
                type='mmpretrain.RandomErasing',
                erase_prob=0.5,
                mode='rand',
                min_area_ratio=0.02,
                max_area_ratio=0.3),
        ]),
    dict(type='PackReIDInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
