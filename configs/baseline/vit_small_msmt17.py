# ViT-S/16; start it from ImageNet weights with
# model.backbone.init_cfg = dict(type='Pretrained', checkpoint=..., skip=[...])
_base_ = [
    '../_base_/models/vit_small.py',
    '../_base_/datasets/msmt17.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=384, max_classes=1041),
    triplet=dict(type='BatchHardTripletLoss'))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.05))
