# Height 160, width 80: between the usual 256 x 128 and what a CPU likes.
_base_ = '../loaders_cpu.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(80, 160), backend='pillow'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=(160, 80), padding=6),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(80, 160), backend='pillow'),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
