# The target loss among all clusters, of whatever camera.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(target=dict(within_camera=False))
