# Height 256, width 128, two views. No erasing: the momentum encoder's view of
# an image has to show what the encoder's view shows.
_base_ = './256x128.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(
        type='Resize', scale=(128, 256), interpolation='bicubic',
        backend='pillow'),
    dict(
        type='TwoViews',
        augmented=[
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='mmpretrain.RandomCrop', crop_size=(256, 128),
                padding=10),
            dict(
                type='mmpretrain.GaussianBlur',
                magnitude_range=(0.1, 2.0),
                magnitude_std='inf',
                prob=0.2),
            dict(type='RandomGrayscale', prob=0.1, keep_channels=True),
        ]),
    dict(type='PackReIDInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
