# DomainMix as the released code behaves: Adam without a past in each epoch of
# the second phase, and an identity loss ten times as heavy before.
_base_ = './domainmix.py'

model = dict(
    id_head=dict(loss=dict(type='IdentityLoss', temperature=2.0)),
    domain_head=dict(temperature=2.0),
    domain_label='released',
    classifier_init='unit',
    # 64 images on 4 GPUs without synchronised BatchNorm.
    bn_group_size=16)
default_hooks = dict(
    pseudo_labels=dict(reset_moments=False, bf16=False),
    phases=dict(phases=[
        dict(begin=0, loss_weights=dict(id=10.0)),
        dict(
            begin=30, loss_weights=dict(id=1.0), discriminator_interval=10),
    ]),
    reset_optimizer=dict(type='ResetOptimizerHook', begin=30))
