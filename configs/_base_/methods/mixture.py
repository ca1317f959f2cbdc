# The recommended recipe: the plain mixture, and what makes it know people on
# other cameras too. Clusters are of embeddings without what is usual for a
# camera, by neighbours in the own and in other cameras; images are pulled to
# their identity as other cameras see it; the memory keeps up with a short
# training.
_base_ = './plain_mixture.py'

model = dict(
    memory=dict(per_camera=True, momentum=0.2),
    losses=dict(
        camera=dict(
            type='CameraCentroidsLoss', labelled_only=False, weight=0.5)))
default_hooks = dict(
    pseudo_labels=dict(
        camera_profiles=True, clustering=dict(k1=15, k1_intra=5)))
