# Each video is clustered by itself: nothing tells that a person is in two.
_base_ = './osnet_x0_25_market.py'

# Clusters of two videos may be one person.
model = dict(negatives='certain')
train_dataloader = dict(
    batch_sampler=dict(same_camera={'market1501-dev-videos': 3}))
default_hooks = dict(
    pseudo_labels=dict(
        scope='video',
        # Few and clean clusters: wrong ones cost more than they bring.
        clustering=dict(k1=6, k2=2, eps=0.4, min_samples=2),
        begin=2))
