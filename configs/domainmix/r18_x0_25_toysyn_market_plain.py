# Plain joint training: every DBSCAN cluster is an identity, classifier rows
# are not set to the clusters' centres, no domain balance loss.
_base_ = './r18_x0_25_toysyn_market.py'

# Without the quantity criterion there may be more, smaller clusters.
model = dict(
    classifier_init=None, id_head=dict(max_classes=200 + 10679 // 2))
default_hooks = dict(
    pseudo_labels=dict(clustering=dict(criteria=None)),
    phases=dict(phases=[dict(begin=0)]))
