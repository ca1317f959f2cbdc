# ReMix on ResNet-50-IBN-a.
_base_ = ['./r50_ibn.py']

model = dict(type='ReMix', loss_weights=dict(camera_centroids=0.5))
