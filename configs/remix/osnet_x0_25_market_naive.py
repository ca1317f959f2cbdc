# Plain joint training: half of each batch is video from the first epoch on,
# centroid softmax and triplet loss, long neighbour lists, every cluster an
# identity.
_base_ = './osnet_x0_25_market.py'

model = dict(
    negatives='joint',
    instance=None,
    augmentation=None,
    camera_centroids=None,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'market1501-dev': 4,
            'market1501-dev-videos': 3,
            'pets2009': 1,
        },
        same_camera={'market1501-dev-videos': 1}))
default_hooks = dict(
    pseudo_labels=dict(
        clustering=dict(k1=30, k2=6, eps=0.5, min_samples=4),
        min_size=2,
        begin=0))
