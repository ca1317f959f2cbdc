# Toy data, a narrow ResNet-18 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/models/daam_r18_x0_25.py',
    '../_base_/datasets/toysyn_toytarget.py',
    '../_base_/schedules/daam_cpu.py',
]

model = dict(id_head=dict(max_classes=200 + 6000 // 2))
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        # 24 images per identity: shorter neighbour lists, closer clusters.
        clustering=dict(k1=20, eps=0.45)))
