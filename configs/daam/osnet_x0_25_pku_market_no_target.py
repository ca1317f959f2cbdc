# Without the target loss.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(target=None)
