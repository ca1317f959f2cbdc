# The target loss with cluster weights instead of soft labels.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(target=dict(type='ClusterWeightedLoss'))
