# Without the camera centroids loss.
_base_ = './osnet_x0_25_market.py'

model = dict(camera_centroids=None)
