# Without the centroids loss.
_base_ = './osnet_x0_25_market.py'

model = dict(centroids=None)
