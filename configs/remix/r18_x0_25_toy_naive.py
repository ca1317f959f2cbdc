# Plain joint training: centroid softmax and triplet loss, long neighbour
# lists, every cluster an identity.
_base_ = './r18_x0_25_toy.py'

model = dict(
    negatives='joint',
    instance=None,
    augmentation=None,
    camera_centroids=None,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(batch_sampler=dict(same_camera=None))
default_hooks = dict(
    pseudo_labels=dict(
        clustering=dict(k1=30, k2=6, min_samples=4), min_size=2))
