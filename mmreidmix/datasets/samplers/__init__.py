from .pk_batch_sampler import PKBatchSampler

__all__ = ['PKBatchSampler']
