# Without the camera centroids loss.
_base_ = './mobilenet_v2_market.py'

model = dict(camera_centroids=None)
