# Height 256, width 128, two views, colours changed as from camera to camera;
# loaded without workers, for small networks on a CPU.
_base_ = './256x128_cpu.py'

train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(128, 256), backend='pillow'),
    dict(
        type='TwoViews',
        augmented=[
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='mmpretrain.RandomCrop', crop_size=(256, 128),
                padding=10),
            dict(type='CameraColours'),
        ]),
    dict(type='PackReIDInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
