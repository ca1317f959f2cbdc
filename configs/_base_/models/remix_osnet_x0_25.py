# ReMix on OSNet x0.25.
_base_ = ['./osnet_x0_25.py']

model = dict(
    type='ReMix',
    loss_weights=dict(camera_centroids=0.5),
    # An average over 1000 iterations would still be near the first weights.
    momentum=0.99,
    momentum_warmup=True)
