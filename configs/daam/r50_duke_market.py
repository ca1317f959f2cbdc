# DukeMTMC-reID -> Market-1501.
_base_ = [
    '../_base_/models/daam_r50.py',
    '../_base_/datasets/protocols/uda_dukemtmc_market1501.py',
    '../_base_/schedules/daam.py',
]

model = dict(id_head=dict(max_classes=702 + 12936 // 2))
# 64 images of each domain
train_dataloader = dict(batch_size=128)
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
