# Without the augmentation loss.
_base_ = './mobilenet_v2_market.py'

model = dict(augmentation=None)
