_base_ = ['./r50_randperson_msmt_released.py']

model = dict(
    backbone=dict(
        type='ResNetIBN',
        init_cfg=dict(
            checkpoint='https://github.com/XingangPan/IBN-Net/releases/'
            'download/v1.0/resnet50_ibn_a-d9d0bb7b.pth')))
