# Without the instance loss.
_base_ = './mobilenet_v2_market.py'

model = dict(instance=None)
