# Plain joint training: half of each batch is video from the first epoch on,
# centroid softmax and triplet loss, long neighbour lists inside each video,
# every cluster an identity.
_base_ = './osnet_x0_25_market.py'

model = dict(
    instance=None,
    augmentation=None,
    camera_centroids=None,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_size=64,
    batch_sampler=dict(
        quotas={
            'market1501-dev': 4,
            'market1501-dev-videos': 3,
            'pets2009': 1
        }))
default_hooks = dict(
    pseudo_labels=dict(scope='video', min_size=2, begin=0))
