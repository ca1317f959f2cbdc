"""Files of DINO and others with the names of timm's plain ViT.

Sources: https://github.com/facebookresearch/dino, ``vision_transformer.py``
and ``eval_knn.py`` (ImageNet's statistics, bicubic); MAE and DeiT are alike.
https://github.com/huggingface/pytorch-image-models,
``timm/models/vision_transformer.py``: the first weights of timm and those of
"How to train your ViT" (``augreg``) take values in [-1, 1]. The keys do not
tell these from the others.
"""

from functools import partial
from typing import Any

from .family import HALF, Family
from .vit import PLAIN, describe_vit


def _family(name: str, **preprocessing: Any) -> Family:
    return Family(name, **PLAIN, describe=partial(
        describe_vit, interpolation='bicubic', native=False,
        notes=('trained on ImageNet, not for re-identification', ),
        **preprocessing))


DINO = _family('dino')
TIMM = _family('timm-vit', **HALF)
