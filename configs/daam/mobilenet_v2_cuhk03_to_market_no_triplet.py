# Without the triplet loss.
_base_ = './mobilenet_v2_cuhk03_to_market.py'

model = dict(triplet=None)
