"""Any network of timm, without weights."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor

from mmreidmix.registry import MODELS


@MODELS.register_module()
class TimmBackbone(BaseModule):
    """A network of timm, up to its pooled features.

    https://github.com/huggingface/pytorch-image-models, an optional package.
    A config may come from outside: nothing but the name of one of timm's own
    networks and a size reach timm, no file and no address. The weights are
    random.

    Args:
        model_name (str): as ``timm.list_models()`` has it, such as
            'resnet50', without the tag of weights.
        img_size (Sequence[int], optional): height and width, for networks
            that are built for one size, such as ViTs. Defaults to timm's.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.

    Raises:
        ModuleNotFoundError: timm is missing.
        ValueError: timm has no such network, or it takes no size.
    """

    def __init__(self,
                 model_name: str,
                 img_size: Optional[Sequence[int]] = None,
                 init_cfg=None):
        super().__init__(init_cfg)
        try:
            import timm
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'the network {model_name!r} needs the package timm: pip '
                'install timm') from error
        known = timm.list_models()
        if model_name not in known:  # timm also takes addresses and folders
            near = get_close_matches(str(model_name), known, 3)
            raise ValueError(
                f'TimmBackbone: timm {timm.__version__} has no network '
                f'{model_name!r}; near it: {", ".join(near) or "none"}')
        options = {} if img_size is None else dict(img_size=tuple(img_size))
        try:
            self.model = timm.create_model(
                model_name, pretrained=False, num_classes=0, **options)
        except TypeError as error:
            raise ValueError(
                f'TimmBackbone: {model_name} can not be built with img_size='
                f'{img_size}: {error}') from error
        self.img_size = options.get(
            'img_size', self.model.pretrained_cfg['input_size'][1:])

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Images (B, 3, H, W) to vectors (B, C), the only output."""
        return (self.model(images), )
