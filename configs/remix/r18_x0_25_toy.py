# Toy data, a narrow ResNet-18 from scratch, minutes on a CPU: 50 labelled
# people in 6 cameras, 120 single-camera videos of others.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/two_views_128x64.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/remix.py',
    '../_base_/schedules/cpu.py',
]

_d = _base_._domains
_labelled = dict(_d.toy_real_a, pid_range=(0, 50), role='labelled')
model = dict(
    **_base_._encoder,
    # An average over 1000 iterations would still be near the first weights.
    momentum=0.99,
    momentum_warmup=True,
    # People of one video side by side, and nobody else to be told from:
    # against other videos the background is enough.
    negatives='video')
train_dataloader = dict(
    batch_sampler=dict(
        quotas='equal', iters_per_epoch=150, same_camera={'toy-videos': 8}),
    dataset=dict(
        domains=[_labelled,
                 dict(_d.toy_videos, role='unlabelled')]))
val_dataloader = dict(dataset=dict(domains=[_d.toy_unseen]))
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(
        # A person has 8 images in a video.
        clustering=dict(k1=8),
        # Features of an untrained network can not be clustered.
        begin=3,
        max_images=4000))
