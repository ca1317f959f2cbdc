# What all mixtures share; a recipe adds its domains.
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler'),
    batch_sampler=dict(
        type='PKBatchSampler', num_instances=4, iters_per_epoch=400),
    dataset=dict(type='DomainMixture'))
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='RetrievalDataset'))
test_dataloader = val_dataloader
val_evaluator = dict(type='ReIDMetric')
test_evaluator = val_evaluator
