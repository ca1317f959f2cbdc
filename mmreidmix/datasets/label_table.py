"""Training identities of all images of a mixture."""

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np


class LabelTable:
    """Maps every image of a mixture to its training identity.

    The main process owns it: samplers read it at the start of an epoch and
    the model looks labels up by image index. So data-loading workers never
    hold a label and may persist while pseudo labels change.

    Classes are contiguous. The identities of the labelled domains come first
    (domain after domain, sorted by original number), those of the unlabelled
    domains follow.

    Args:
        pids (Sequence[np.ndarray | None]): per domain its original identity
            numbers, shape (N_d,), or None for a domain without labels.
        sizes (Sequence[int]): number of images N_d of each domain.
        fingerprints (Sequence[int]): what tells the images of each domain
            from others, so that saved labels are not given to other images.

    Attributes:
        labels (np.ndarray): shape (N,), int64, -1 = no identity.
        num_labelled_classes (int): classes of the labelled domains.
        num_classes (int): all classes at present.

    Examples:
        >>> import numpy as np
        >>> table = LabelTable([np.array([7, 3, 7]), None], [3, 2])
        >>> table.labels.tolist(), table.num_classes
        ([1, 0, 1, -1, -1], 2)
        >>> table.assign({1: np.array([0, 0])})
        >>> table.labels.tolist(), table.num_classes
        ([1, 0, 1, 2, 2], 3)
    """

    def __init__(self,
                 pids: Sequence[Optional[np.ndarray]],
                 sizes: Sequence[int],
                 fingerprints: Sequence[int] = ()):
        self.fingerprints = list(fingerprints)
        self.offsets = np.cumsum([0, *sizes])
        self.unlabelled = [d for d, p in enumerate(pids) if p is None]
        self.labels = np.full(self.offsets[-1], -1, dtype=np.int64)
        self.num_labelled_classes = 0
        for domain, domain_pids in enumerate(pids):
            if domain_pids is None:
                continue
            known = np.asarray(domain_pids) >= 0
            identities, labels = np.unique(
                domain_pids[known], return_inverse=True)
            self.labels[self.span(domain)][known] = (
                labels + self.num_labelled_classes)
            self.num_labelled_classes += len(identities)
        self.num_classes = self.num_labelled_classes

    def span(self, domain: int) -> slice:
        """Image indices of one domain."""
        return slice(self.offsets[domain], self.offsets[domain + 1])

    def assign(self, clusters: Mapping[int, np.ndarray]) -> None:
        """Replace the pseudo labels of all unlabelled domains.

        Args:
            clusters (Mapping[int, np.ndarray]): domain -> cluster of each of
                its images, shape (N_d,), 0..K_d-1 with -1 = none.

        Raises:
            ValueError: a domain is missing, is labelled, or has the wrong
                number of labels.
        """
        if sorted(clusters) != self.unlabelled:
            raise ValueError(
                f'pseudo labels were given for the domains {sorted(clusters)},'
                f' but the unlabelled ones are {self.unlabelled}')
        first = self.num_labelled_classes
        for domain in self.unlabelled:
            labels = np.asarray(clusters[domain], dtype=np.int64)
            span = self.span(domain)
            if labels.shape != (span.stop - span.start, ):
                raise ValueError(
                    f'domain {domain} has {span.stop - span.start} images, '
                    f'but pseudo labels of shape {labels.shape} were given')
            self.labels[span] = np.where(labels < 0, -1, labels + first)
            first += int(labels.max(initial=-1)) + 1
        self.num_classes = first

    def state_dict(self) -> dict:
        """What a checkpoint has to hold."""
        return dict(
            labels=self.labels.copy(),
            num_classes=self.num_classes,
            fingerprints=list(self.fingerprints))

    def load_state_dict(self, state: dict) -> None:
        """Take over a saved table.

        Raises:
            ValueError: it was saved for a mixture of another size or of
                other images.
        """
        labels = np.asarray(state['labels'])
        if labels.shape != self.labels.shape:
            raise ValueError(
                f'the checkpoint holds labels of {len(labels)} images, the '
                f'mixture has {len(self.labels)}: resume with the data sets '
                'of the interrupted run')
        # Checkpoints from before there were fingerprints have none.
        saved = state.get('fingerprints', self.fingerprints)
        if list(saved) != self.fingerprints:
            raise ValueError(
                'the labels in the checkpoint are those of other images, or '
                'of the same under other names: take the data sets of the run '
                f'that wrote it (fingerprints {list(saved)}, those of the '
                f'mixture are {self.fingerprints})')
        self.labels = labels.astype(np.int64)
        self.num_classes = int(state['num_classes'])
