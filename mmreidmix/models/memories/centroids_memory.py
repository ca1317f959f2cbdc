"""Centres of identities, and of identities as single cameras see them."""

from collections.abc import Iterable, Mapping
from typing import Optional, Union

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_fraction
from mmreidmix.registry import MODELS

#: What the rows are: all else is computed from it.
ROWS = ('means', 'counts', 'labels', 'camids')


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
        momentum (float, optional): share of the mean that a new embedding
            leaves, in [0, 1), as in SpCL (arXiv 2006.02713; 0.2). Smaller:
            the memory keeps up with a fast training. Defaults to None: an
            embedding weighs as much as each image of the row.

    Attributes:
        means (Tensor): (R, D) mean embedding of each row, of any length.
        counts (Tensor): (R,) images of each row.
        labels (Tensor): (R,) identity of each row.
        camids (Tensor): (R,) camera of each row.
        proxies (Tensor): (R, D) the means, unit length.
        centroids (Tensor): (K, D) mean over all images of an identity, unit
            length; zeros where there is none.
        known (Tensor): (K,) bool, which identities have an image.
    """

    def __init__(self,
                 per_camera: bool = True,
                 follow: bool = False,
                 momentum: Optional[float] = None):
        super().__init__()
        if momentum is not None:
            check_fraction(self, momentum=momentum)
        self.momentum = momentum
        self.per_camera = per_camera
        self.follow = follow
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
                device: Union[str, torch.device] = 'cpu',
                first: int = 0) -> None:
        """Compute all rows from embeddings.

        Args:
            blocks (Iterable[Tensor]): unit-length embeddings of N images in
                consecutive blocks (n, D): they need not fit in memory.
            labels (np.ndarray): (N,) identities.
            camids (np.ndarray): (N,) cameras, unique over domains.
            num_classes (int): identities K.
            device (str | torch.device): of the memory.
            first (int): rows of identities below it are left as they are;
                ``labels`` has none of them.

        Raises:
            ValueError: the numbers of rows and labels differ, or a label is
                not in ``first`` .. ``num_classes - 1``.
        """
        labels, camids = np.asarray(labels), np.asarray(camids)
        if not self.per_camera:
            camids = np.zeros_like(camids)
        if len(labels) and not (
                first <= labels.min() <= labels.max() < num_classes):
            raise ValueError(
                f'CentroidsMemory: identities {labels.min()}..{labels.max()} '
                f'were given, expected {first}..{num_classes - 1}')
        pairs, rows, counts = np.unique(
            np.stack([labels, camids]), axis=1, return_inverse=True,
            return_counts=True)
        counts = torch.from_numpy(counts)
        means = _sums(blocks, torch.from_numpy(rows.reshape(-1)),
                      len(counts)) / counts[:, None]
        new = [means, counts, *torch.from_numpy(pairs.astype(np.int64))]
        if self.rows_below(first):
            old = self.state_dict_below(first)
            new = [
                torch.cat([old[name], part]) if len(part) else old[name]
                for name, part in zip(ROWS, new)
            ]
        self._set(*(part.to(device) for part in new), num_classes)

    def update(self, embeddings: Tensor, labels: Tensor,
               camids: Tensor) -> None:
        """Let new embeddings of images take the place of older ones.

        b new embeddings of a row of n images replace the share b / n of its
        mean: which embedding an image had before is not kept, so they take
        the place of average ones. With a momentum m they replace the share
        1 - m^b. Images of no row are left out.

        Args:
            embeddings (Tensor): (B, D) unit length. Like the others the same
                in every process.
            labels (Tensor): (B,).
            camids (Tensor): (B,).
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
            rows (Tensor): (r,) rows that the batch has images of.
            new (Tensor): (r, D) mean embedding of these images.
            found (Tensor): (r,) how many they are.
        """
        if self.momentum is None:
            # More than the row has, where one image is drawn repeatedly.
            share = (found / self.counts[rows]).clamp(max=1)
        else:
            share = 1 - self.momentum**found
        return torch.lerp(self.means[rows], new, share[:, None])

    def state_dict_below(self, label: int) -> dict[str, Tensor]:
        """Rows of the identities below ``label``, for a checkpoint."""
        rows = self.rows_below(label)
        return {k: getattr(self, k)[:rows].cpu().clone() for k in ROWS}

    def load_rows(self, state: Mapping[str, Tensor], num_classes: int,
                  device: Union[str, torch.device] = 'cpu') -> None:
        """Take over what :meth:`state_dict_below` gave."""
        self._set(*(state[name].to(device) for name in ROWS), num_classes)

    def _set(self, means: Tensor, counts: Tensor, labels: Tensor,
             camids: Tensor, num_classes: int) -> None:
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


def _sums(blocks: Iterable[Tensor], rows: Tensor, num_rows: int) -> Tensor:
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
