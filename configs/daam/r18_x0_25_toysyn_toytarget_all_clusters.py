# The target loss among all clusters, of whatever camera.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(target=dict(within_camera=False))
