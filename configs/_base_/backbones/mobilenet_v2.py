# MobileNetV2 (2.2 M parameters) from ImageNet, with the last stride removed,
# average pooling, BNNeck. SRC is a file with torchvision's names:
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/mobilenet_v2_imagenet.pth
_base_ = './preprocessor.py'

# On a CPU this network trains no faster in bfloat16, and ReMix ends a point
# or two of mAP lower in it (docs/en/reference/speed.md).
precision = 'fp32'

_encoder = dict(
    backbone=dict(
        type='MobileNetV2',
        strides=(1, 2, 2, 2, 1, 1, 1),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/weights/mobilenet_v2_imagenet.pth',
            prefix='backbone')),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
