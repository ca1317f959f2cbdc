# Plain joint training: every DBSCAN cluster is an identity, classifier rows
# are not set to the clusters' centres, no domain balance loss.
_base_ = './osnet_x0_25_toysyn_market.py'

model = dict(centroid_scale=None)
default_hooks = dict(
    pseudo_labels=dict(clustering=dict(criteria=None)),
    phases=dict(phases=[dict(begin=0)]))
