# Height 256, width 128. Erasing is filled with the mean colour plus what the
# released DomainMix adds to it after normalisation (BGR here).
_base_ = '../loaders.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(
        type='Resize', scale=(128, 256), interpolation='bicubic',
        backend='pillow'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='mmpretrain.RandomCrop', crop_size=(256, 128), padding=10),
    dict(
        type='mmpretrain.RandomErasing',
        erase_prob=0.5,
        min_area_ratio=0.02,
        max_area_ratio=0.4,
        aspect_range=(0.3, 3.33),
        mode='const',
        fill_color=(127, 142, 152)),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadReIDImage'),
    dict(
        type='Resize', scale=(128, 256), interpolation='bicubic',
        backend='pillow'),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
