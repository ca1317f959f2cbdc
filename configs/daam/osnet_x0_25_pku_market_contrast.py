# The adaptation baseline: identity and triplet loss, and contrast with a
# memory of labelled identities and clusters.
_base_ = './osnet_x0_25_pku_market.py'

_model = _base_.model
model = dict(
    _delete_=True,
    type='ClusterContrast',
    id_head=_model.id_head,
    triplet=_model.triplet,
    init_cfg=dict(_model.init_cfg, allow_missing=['bnneck', 'id_head']),
    **_base_._encoder)
