# Height 64, width 32: for toy data on a CPU.
train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(32, 64)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=(64, 32), padding=3),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(32, 64)),
    dict(type='PackReIDInputs'),
]
