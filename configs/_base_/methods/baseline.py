# The strong baseline: identity loss and triplet loss. A recipe sets
# id_head.max_classes, the number of labelled identities.
_base_ = '../default_runtime.py'

model = dict(
    type='ReIDBaseline',
    id_head=dict(type='IdentityHead'),
    triplet=dict(type='BatchHardTripletLoss'))
