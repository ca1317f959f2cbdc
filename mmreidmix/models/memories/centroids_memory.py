"""Centres of identities, and of identities as single cameras see them."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmreidmix.registry import MODELS


@MODELS.register_module()
class CentroidsMemory(nn.Module):
    """Mean embedding of each identity in each camera, and of each identity.

    A row is an identity in one camera; rows are sorted by (identity, camera).
    O(identities x cameras x D), whatever the number of images. The tensors
    are no buffers: their sizes change with every clustering, and checkpoints
    hold them only where they can not be computed again.

    Args:
        per_camera (bool): a row is an identity in one camera; False: in all.
        follow (bool): :class:`MemoryHook` lets the embeddings of each batch
            take the place of older ones. Defaults to False: the centres stay
            until they are computed anew.

    Attributes:
        means (Tensor): mean embedding of each row, not of unit length,
            shape (R, D).
        counts (Tensor): images of each row, shape (R,).
        labels (Tensor): identity of each row, shape (R,).
        camids (Tensor): camera of each row, shape (R,).
        proxies (Tensor): the means, of unit length, shape (R, D).
        centroids (Tensor): unit-length mean over all images of an identity,
            shape (K, D); zeros where there is none.
        known (Tensor): which identities have an image, bool, shape (K,).
    """

    def __init__(self, per_camera: bool = True, follow: bool = False):
        super().__init__()
        self.per_camera = per_camera
        self.follow = follow
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        nothing = torch.zeros(3, 0, dtype=torch.long, device='cpu')
        self._set(torch.zeros(0, 0, device='cpu'), *nothing, 0)

    @property
    def num_classes(self) -> int:
        """Identities, those without an image included."""
        return len(self.centroids)

    def rows_below(self, label: int) -> int:
        """Number of rows of the identities 0 .. label - 1, the first rows."""
        return int(np.searchsorted(self._row_labels, label))

    def rebuild(self,
                blocks: Iterable[Tensor],
                labels: np.ndarray,
                camids: np.ndarray,
                num_classes: int,
                device='cpu',
                first: int = 0) -> None:
        """Compute all rows from embeddings.

        Args:
            blocks (Iterable[Tensor]): unit-length embeddings of N images in
                consecutive blocks (n, D), so that they need not all be held
                at a time.
            labels (np.ndarray): identity of each image, shape (N,).
            camids (np.ndarray): camera of each image, unique over domains,
                shape (N,).
            num_classes (int): identities K.
            device: where the memory is to lie.
            first (int): rows of identities below it are kept as they are;
                ``labels`` has none of them.

        Raises:
            ValueError: the numbers of rows and labels differ, or a label is
                not in ``first`` .. ``num_classes - 1``.
        """
        labels, camids = np.asarray(labels), np.asarray(camids)
        if not self.per_camera:
            camids = np.zeros_like(camids)
        if len(labels) and not first <= labels.min() <= labels.max() < (
                num_classes):
            raise ValueError(
                f'CentroidsMemory: identities {labels.min()}..{labels.max()} '
                f'were given, expected {first}..{num_classes - 1}')
        pairs, inverse, counts = np.unique(
            np.stack([labels, camids]), axis=1, return_inverse=True,
            return_counts=True)
        sums = _sums(blocks, torch.from_numpy(inverse.reshape(-1)),
                     len(counts))
        counts = torch.from_numpy(counts)
        means = sums / counts[:, None]
        new = [means, counts, *torch.from_numpy(pairs.astype(np.int64))]
        kept = self.rows_below(first)
        if kept:
            old = (self.means, self.counts, self.labels, self.camids)
            new = [
                torch.cat([a[:kept].cpu(), b]) if len(b) else a[:kept].cpu()
                for a, b in zip(old, new)
            ]
        self._set(*(part.to(device) for part in new), num_classes)

    def update(self, embeddings: Tensor, labels: Tensor,
               camids: Tensor) -> None:
        """Let new embeddings of some images take the place of older ones.

        b new embeddings of a row of n images replace the share b / n of its
        mean: which embedding an image had before is not kept, so they take
        the place of average ones. Images of no row are left out.

        Args:
            embeddings (Tensor): unit length, shape (B, D), the same in every
                process.
            labels (Tensor): shape (B,).
            camids (Tensor): shape (B,).
        """
        if not self.per_camera:
            camids = torch.zeros_like(camids)
        match = ((self.labels == labels[:, None]) &
                 (self.camids == camids[:, None]))
        rows = match.any(0).nonzero()[:, 0]
        match = match[:, rows].to(embeddings.dtype)
        found = match.sum(0)
        new = match.T @ embeddings / found[:, None]
        self.means[rows] = self.blend(rows, new, found)
        self.proxies[rows] = F.normalize(self.means[rows])
        self._centre(torch.isin(self.labels, labels).nonzero()[:, 0])

    def blend(self, rows: Tensor, new: Tensor, found: Tensor) -> Tensor:
        """Means of some rows after a batch; a subclass may follow otherwise.

        Args:
            rows (Tensor): the R' rows that the batch has images of.
            new (Tensor): mean embedding of these images, shape (R', D).
            found (Tensor): how many they are, shape (R',).
        """
        # More than the row has, where one image is drawn repeatedly.
        share = (found / self.counts[rows]).clamp(max=1)[:, None]
        return torch.lerp(self.means[rows], new, share)

    def state_dict_below(self, label: int) -> dict:
        """Rows of the identities below ``label``, for a checkpoint."""
        rows = self.rows_below(label)
        return {
            name: getattr(self, name)[:rows].cpu().clone()
            for name in ('means', 'counts', 'labels', 'camids')
        }

    def load_rows(self, state: dict, num_classes: int, device='cpu') -> None:
        """Take over what :meth:`state_dict_below` gave."""
        self._set(*(state[name].to(device)
                    for name in ('means', 'counts', 'labels', 'camids')),
                  num_classes)

    def _set(self, means, counts, labels, camids, num_classes) -> None:
        self.means, self.counts = means, counts
        self.labels, self.camids = labels, camids
        self._row_labels = labels.cpu().numpy()
        self.proxies = F.normalize(means)
        self.centroids = means.new_zeros(num_classes, means.shape[1])
        self.known = torch.zeros(
            num_classes, dtype=torch.bool, device=means.device)
        self.known[labels] = True
        self._centre(torch.arange(len(labels), device=means.device))

    def _centre(self, rows: Tensor) -> None:
        """Compute the centroids of identities, given by all their rows."""
        labels = self.labels[rows]
        sums = torch.zeros_like(self.centroids)
        sums.index_add_(0, labels,
                        self.means[rows] * self.counts[rows, None])
        self.centroids[labels] = F.normalize(sums[labels])


def _sums(blocks, rows: Tensor, num_rows: int) -> Tensor:
    """Sum of the embeddings of each row, (num_rows, D)."""
    sums, done = torch.zeros(num_rows, 0), 0
    for block in blocks:
        if not done:
            sums = block.new_zeros(num_rows, block.shape[1])
        part = rows[done:done + len(block)]
        done += len(block)
        if len(part) == len(block):
            sums.index_add_(0, part, block)
    if done != len(rows):
        raise ValueError(f'CentroidsMemory: {len(rows)} identities were given '
                         f'for {done} embeddings')
    return sums
