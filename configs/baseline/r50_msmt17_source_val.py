# The checkpoint is chosen on the last 20 % of the sorted training identities
# of the source, which training leaves out; no target is looked at.
_base_ = './r50_msmt17.py'

_msmt17 = _base_._domains.msmt17
train_dataloader = dict(
    dataset=dict(
        domains=[dict(_msmt17, role='labelled', pid_range=(0, 833))]))
val_dataloader = dict(
    dataset=dict(domains=[
        dict(
            type='SourceValidationSet',
            name='msmt17-v1-val',
            dataset=dict(_msmt17, pid_range=(833, 1041))),
    ]))
default_hooks = dict(
    checkpoint=dict(save_best='msmt17-v1-val/mAP', rule='greater'))
