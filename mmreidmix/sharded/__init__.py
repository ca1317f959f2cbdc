"""Pseudo labels by several processes, each with a part of the images.

No process holds the features, neighbour lists, encodings or distances of
all images. The labels are those of one process.
"""

from .pseudo_labels import label_together

__all__ = ['label_together']
