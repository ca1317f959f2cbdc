# ViT-L/16 on several GPUs: maps of the layers are computed again in the
# backward pass, and each process keeps a part of AdamW's moments. Start it
# from ImageNet weights with
# model.backbone.init_cfg = dict(type='Pretrained', checkpoint=..., skip=[...])
_base_ = './vit_small_msmt17.py'

model = dict(backbone=dict(arch='large'))
activation_checkpointing = [f'backbone.layers.{layer}' for layer in range(24)]
optim_wrapper = dict(
    optimizer=dict(type='ShardedOptimizer', optimizer_type='AdamW'))
