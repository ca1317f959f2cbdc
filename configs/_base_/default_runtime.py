default_scope = 'mmreidmix'

# Change one hook in your config by its key, for example
# default_hooks = dict(logger=dict(interval=10)).
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    mixture=dict(type='MixtureHook'),
    # These two do nothing for a model without memory or momentum encoder.
    memory=dict(type='MemoryHook'),
    momentum_encoder=dict(type='MomentumEncoderHook'),
    check_start=dict(type='CheckStartHook'),
    provenance=dict(type='ProvenanceHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    # Tests the start; evaluate=False skips that, where it takes minutes.
    start=dict(type='StartEvaluationHook'),
    step_time=dict(type='StepTimeHook'),
    non_finite_loss=dict(type='NonFiniteLossHook'),
    # SIGTERM, SIGINT and SIGUSR1 end the training with a checkpoint.
    stop=dict(type='StopHook'),
    # Running statistics of BatchNorm, averaged over processes.
    sync_buffers=dict(type='SyncBuffersHook'))

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

# For TensorBoard: pip install ".[tensorboard]" and
# vis_backends = [dict(type='LocalVisBackend'),
#                 dict(type='TensorboardVisBackend')]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)

randomness = dict(seed=0)
log_level = 'INFO'
load_from = None
resume = False
