# DAAM on real images, in minutes on a CPU: MobileNetV2 from ImageNet, labelled
# CUHK03-dev, unlabelled Market-1501-dev; PKU-Reid is not seen. The recommended
# recipe with the attention of DAAM and its losses.
_base_ = '../mixture/mobilenet_v2_mixture_cuhk03_market.py'

model = dict(
    type='DAAM',
    memory=dict(type='CentroidsMemory', follow=True),
    losses=dict(contrast=dict(type='CentroidsLoss', temperature=0.05)),
    attention=dict(type='DAAMNeck'),
    specific_head=dict(type='DomainSpecificHead'),
    similarity=dict(type='HypersphereLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1))
find_unused_parameters = True
