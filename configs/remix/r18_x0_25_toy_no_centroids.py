# Without the centroids loss.
_base_ = './r18_x0_25_toy.py'

model = dict(centroids=None)
