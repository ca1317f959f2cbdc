# ViT-L/16 on several GPUs: each keeps a part of AdamW's moments. Start it
# from ImageNet weights with
# model.backbone.init_cfg = dict(type='Pretrained', checkpoint=..., skip=[...])
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/vit_large.py',
    '../_base_/methods/baseline.py',
    '../_base_/schedules/baseline.py',
]

_d = _base_._domains
model = dict(**_base_._encoder, id_head=dict(max_classes=1041))
activation_checkpointing = _base_._checkpointed
train_dataloader = dict(
    dataset=dict(domains=[dict(_d.msmt17, role='labelled')]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501]))
test_dataloader = val_dataloader
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type='ShardedOptimizer',
        optimizer_type='AdamW',
        lr=1e-4,
        weight_decay=0.05))
