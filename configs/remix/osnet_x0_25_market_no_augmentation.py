# Without the augmentation loss.
_base_ = './osnet_x0_25_market.py'

model = dict(augmentation=None)
