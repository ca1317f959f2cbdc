"""The data sample of one image."""

from mmengine.structures import BaseDataElement


class ReIDDataSample(BaseDataElement):
    """Meta data of a person image and, after a forward pass, its embedding.

    Meta data (set by :class:`PackReIDInputs`):

    - ``img_path`` (str): file the image was read from.
    - ``index`` (int): position in the data set that the loader runs over.
    - ``pid`` (int): original identity number, -1 if unknown. For evaluation
      only: training reads identities from the label table.
    - ``camid`` (int): camera, zero-based inside its domain.
    - ``tracklet`` (int): tracklet inside its domain, -1 if there is none.
    - ``domain`` (int): index of the domain in its data set.
    - ``subset`` (str): 'train', 'query' or 'gallery'.

    Data:

    - ``embedding`` (torch.Tensor): (D,), floating point.

    Examples:
        >>> import torch
        >>> sample = ReIDDataSample(metainfo=dict(index=3, camid=0))
        >>> sample.embedding = torch.zeros(8)
        >>> sample.index, tuple(sample.embedding.shape)
        (3, (8,))
    """
