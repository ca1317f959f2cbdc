# Height 128, width 64: for toy data on a CPU.
_base_ = '../loaders_cpu.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(64, 128), backend='pillow'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=(128, 64), padding=5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(64, 128), backend='pillow'),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
