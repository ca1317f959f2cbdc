# DomainMix on ResNet-50 as the released code behaves.
_base_ = ['./domainmix_r50.py']

model = dict(
    id_head=dict(loss=dict(type='IdentityLoss', temperature=2.0)),
    domain_head=dict(temperature=2.0),
    domain_label='released',
    classifier_init='unit',
    # 64 images on 4 GPUs without synchronised BatchNorm.
    bn_group_size=16)
