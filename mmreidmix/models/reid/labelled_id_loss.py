"""Identity loss of labelled images over labelled identities alone."""

import torch

from mmreidmix.distributed import mean_count


def labelled_id_loss(model, b: torch.Tensor,
                     labels: torch.Tensor) -> torch.Tensor:
    """Mean loss of the labelled images of all processes.

    The rows of the identity head behind the labelled identities are left to
    clusters, or unused.

    Args:
        model (ReIDBaseline): has ``id_head``.
        b (Tensor): features of the batch, shape (B, D).
        labels (Tensor): identities, shape (B,).

    Returns:
        Tensor: scalar, the share of this process.
    """
    own = ~model.is_pseudo(labels)
    first = model.label_table.num_labelled_classes
    rows = b[own]
    share = len(rows) / mean_count(rows)
    if not len(rows):  # parameters still need a gradient
        return model.id_head(rows, first).sum() * 0
    return model.id_head.loss(rows, labels[own], first) * share
