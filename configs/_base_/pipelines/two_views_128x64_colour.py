# Height 128, width 64, two views, colours changed as from camera to camera:
# images of one camera do not show how others see a person.
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
            dict(
                type='mmpretrain.ColorJitter',
                brightness=0.5,
                contrast=0.5,
                saturation=0.5),
            dict(type='mmcv.RandomGrayscale', prob=0.2, keep_channels=True),
            dict(
                type='mmpretrain.GaussianBlur',
                magnitude_range=(0.1, 1.5),
                magnitude_std='inf',
                prob=0.3),
        ]),
    dict(type='PackReIDInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
