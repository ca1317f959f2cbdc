# The plain mixture, the second row of the tables of all methods: contrast
# with labelled identities and clusters of any size, and the triplet loss.
_base_ = [
    '../_base_/mobilenet_v2_cuhk03_market.py',
    '../_base_/methods/plain_mixture.py',
]

model = dict(
    **_base_._encoder,
    triplet=dict(type='BatchHardTripletLoss'))
default_hooks = dict(
    pseudo_labels=dict(begin=2, clustering=dict(eps=0.55)))
