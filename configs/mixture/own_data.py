# The recommended recipe on one's own images, without labels: a domain that
# tools/dataset_converters/import_domain.py has written to data/mine.
# tools/adapt.py fills in other domains and the weights to start from.
_base_ = './osnet_x0_25_mixture_market.py'

_mine = dict(type='Domain', data_root='data/mine')
protocol = 'own data'
train_dataloader = dict(dataset=dict(domains=[dict(_mine, role='unlabelled')]))
val_dataloader = dict(dataset=dict(domains=[_mine]))
test_dataloader = val_dataloader
# A few hundred images of one camera: more of it makes the model worse on
# others (docs/en/user_guides/own_data.md).
default_hooks = dict(start_share=dict(share=0.85))
