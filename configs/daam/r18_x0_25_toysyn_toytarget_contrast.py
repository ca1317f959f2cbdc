# The adaptation baseline: identity and triplet loss, and contrast with a
# memory of labelled identities and clusters.
_base_ = './r18_x0_25_toysyn_toytarget.py'

_model = _base_.model
model = dict(
    _delete_=True,
    type='ClusterContrast',
    id_head=_model.id_head,
    triplet=_model.triplet,
    **_base_._encoder)
