# Without the centroids loss.
_base_ = './mobilenet_v2_market.py'

model = dict(centroids=None)
