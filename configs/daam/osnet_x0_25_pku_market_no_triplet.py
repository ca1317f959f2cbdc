# Without the triplet loss.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(triplet=None)
