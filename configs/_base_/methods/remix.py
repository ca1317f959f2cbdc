# ReMix.
_base_ = '../default_runtime.py'

model = dict(type='ReMix', loss_weights=dict(camera_centroids=0.5))
default_hooks = dict(
    pseudo_labels=dict(
        type='ReMixHook',
        # Short lists: a person has few images in a video.
        clustering=dict(
            type='JaccardDBSCAN',
            k1=6,
            k2=2,
            eps=0.5,
            min_samples=2,
            criteria=None),
        min_size=4,
        max_images=40000))
