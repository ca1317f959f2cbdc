_base_ = ['./r50_personx_msmt.py']

model = dict(
    backbone=dict(
        type='ResNetIBN',
        init_cfg=dict(
            checkpoint='https://github.com/XingangPan/IBN-Net/releases/'
            'download/v1.0/resnet50_ibn_a-d9d0bb7b.pth')))
