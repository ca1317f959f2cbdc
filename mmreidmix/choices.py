"""Words that options of configs and tools may be.

They stand apart from what they name, so that ``--help`` loads none of it.
"""

#: Number formats of a forward pass.
PRECISIONS = ('auto', 'bf16', 'fp32')

#: Searches for neighbours.
EXACT_BACKENDS = ('torch', 'faiss')
#: Approximate ones, and the options of each.
APPROXIMATE_BACKENDS = {
    'ivf': ('nlist', 'nprobe', 'seed'),
    'hnsw': ('links', 'build', 'breadth', 'seed')
}
BACKENDS = (*EXACT_BACKENDS, *APPROXIMATE_BACKENDS)

#: Indexes of a gallery.
GALLERY_INDEXES = ('exact', *APPROXIMATE_BACKENDS)

#: Encoders that the weights of a model hold.
ENCODERS = ('momentum_encoder', 'encoder')

#: Maps of embeddings, and what they are called in a picture.
MAP_METHODS = {'tsne': 't-SNE', 'umap': 'UMAP'}

#: Bins of a histogram of cosines, from -1 to 1.
SHARE_BINS = (16, 32, 64, 128, 256, 512, 1024)

#: What embeds images.
INFERENCE_BACKENDS = ('torch', 'onnxruntime', 'openvino', 'torch.export')
#: Backends that run exported models, by suffix; the first is the default.
RUN_BY = {'.onnx': ('onnxruntime', 'openvino'), '.xml': ('openvino', ),
          '.pt2': ('torch.export', )}
#: Suffixes of those that are run without being asked: PyTorch may run code of
#: ``.pt2`` files.
EXPORTED = ('.onnx', '.xml')
#: What the `model` of a tool may be.
MODEL_HELP = (f'checkpoint, exported model ({" or ".join(EXPORTED)}), '
              'folder or hub:OWNER/NAME of store_model.py, or config with '
              '--weights')
