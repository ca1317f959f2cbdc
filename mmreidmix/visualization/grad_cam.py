"""Where in an image its embedding comes from."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmreidmix.models.encoder import encode, last_output


def activation_maps(model: nn.Module,
                    inputs: torch.Tensor,
                    reference: Optional[torch.Tensor] = None
                    ) -> dict[str, np.ndarray]:
    """Grad-CAM of the embedding and, where there is one, the attention.

    Grad-CAM (Selvaraju et al., ICCV 2017) at the last map of the backbone.
    What is explained is the product b g of the embedding b, before it gets
    unit length, with a unit vector g. With the embedding of another image as
    g, that is why the two are similar. With b's own direction, the default,
    it is the length of b. (The cosine of b and itself is always 1: it has no
    gradient.) Where average pooling and a linear neck follow the map, the
    sum over the channels is an exact split of b g over the places, up to a
    constant (Stylianou et al., WACV 2019). Its negative parts are cut here,
    as Grad-CAM does.

    'attention' is the mean over the channels of DAAM's A = S C, the share of
    a place in what domains have in common.

    No gradient reaches the weights, and the model's mode is restored.

    Args:
        model (nn.Module): a :class:`BaseReID`.
        inputs (Tensor): normalised images, shape (B, 3, H, W).
        reference (Tensor, optional): g, shape (D,) or (B, D).

    Returns:
        dict[str, np.ndarray]: 'grad-cam', at least 0, and 'attention', in
        (0, 1), each of shape (B, h, w).

    Raises:
        ValueError: the backbone gives no map.
    """
    encoder = model.embedder
    with _evaluating(model), _last_map(encoder.backbone) as found, (
            torch.enable_grad()):
        encoded = encode(encoder, inputs)
        b = encoded.b.float()
        g = F.normalize(b.detach()) if reference is None else reference
        gradient, = torch.autograd.grad((b * g).sum(), found)
    weights = gradient.mean((2, 3), keepdim=True)
    maps = {'grad-cam': (weights * found[0]).sum(1).relu()}
    if encoded.attended is not None:
        maps['attention'] = encoded.attended.mean_over_channels()
    return {name: m.detach().cpu().numpy() for name, m in maps.items()}


def explain(model: nn.Module,
            pipeline: Callable,
            paths: Sequence[Union[str, Path]],
            reference: Union[str, Path, None] = None
            ) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Activation maps of image files.

    Args:
        model (nn.Module): a :class:`BaseReID`.
        pipeline (Callable): test transforms.
        paths (Sequence[str | Path]): of the images.
        reference (str | Path, optional): the image whose similarity to the
            others is explained.

    Returns:
        tuple[list[np.ndarray], dict]: the images as the model sees them, RGB,
        uint8, shape (H, W, 3), and what :func:`activation_maps` gives.
    """
    batch = _load(pipeline, paths)
    # The preprocessor takes the colours as OpenCV reads them.
    images = [image.numpy()[::-1].transpose(1, 2, 0)
              for image in batch['inputs']]
    embedding = None
    if reference is not None:
        alone = model.data_preprocessor(_load(pipeline, [reference]), False)
        with _evaluating(model), torch.no_grad():
            embedding = model.embed(alone['inputs'])[0]
    inputs = model.data_preprocessor(batch, False)['inputs']
    return images, activation_maps(model, inputs, embedding)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


@contextmanager
def _last_map(backbone: nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list that gets the backbone's last map, where the graph begins."""
    found = []

    def begin_graph(module: nn.Module, args: tuple,
                    output: Any) -> torch.Tensor:
        features = last_output(output)
        if features.ndim != 4:
            raise ValueError(
                'activation maps need a backbone that gives a map (B, C, h, '
                f'w), {type(backbone).__name__} gave shape '
                f'{tuple(features.shape)}; a class token has no places')
        # Needs no gradient of the backbone, which may be a frozen copy.
        found.append(features.detach().requires_grad_())
        return found[0]

    handle = backbone.register_forward_hook(begin_graph)
    try:
        yield found
    finally:
        handle.remove()


def _load(pipeline: Callable,
          paths: Sequence[Union[str, Path]]) -> dict[str, list]:
    samples = [
        pipeline(dict(img_path=str(path), index=index, pid=-1, camid=-1,
                      tracklet=-1, domain=0, subset='query'))
        for index, path in enumerate(paths)
    ]
    return {key: [sample[key] for sample in samples]
            for key in ('inputs', 'data_samples')}
