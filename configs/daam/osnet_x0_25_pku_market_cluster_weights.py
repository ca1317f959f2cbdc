# The target loss with cluster weights instead of soft labels.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(target=dict(type='ClusterWeightedLoss'))
