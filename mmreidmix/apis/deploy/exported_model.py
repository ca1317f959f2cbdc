"""An exported model in the place of a trained one, to be tested."""

from typing import Optional

import numpy as np
import torch
from mmengine.model import BaseModel

from mmreidmix.checks import check_choice
from mmreidmix.structures import ReIDDataSample

from .inference_backends import run_exported


class ExportedModel(BaseModel):
    """Embeds with an exported model, for MMEngine's test loop.

    Args:
        file (str): written by ``tools/export/export_model.py``, of a kind of
            :data:`mmreidmix.choices.EXPORTED`.

    Attributes:
        facts (dict): of the training of the model that was exported.
        precision (str): number format, 'fp32', 'fp16' or 'int8'.

    Raises:
        ModuleNotFoundError: the package that runs it is missing.
        ValueError: the file can not be read or is of another project.
    """

    def __init__(self, file: str):
        super().__init__()
        self.encoder = run_exported(file)
        self.facts = self.encoder.description['facts']
        self.precision = self.encoder.precision

    def forward(self,
                inputs: list[torch.Tensor],
                data_samples: Optional[list[ReIDDataSample]] = None,
                mode: str = 'predict') -> list[ReIDDataSample]:
        """Set ``embedding`` (D,) of each sample.

        Args:
            inputs (list[Tensor]): B images (3, H, W), BGR, uint8, as the test
                pipeline gives them.
            data_samples (list[ReIDDataSample]): B samples.
            mode (str): 'predict'; there is nothing to train.
        """
        check_choice(self, ('predict', ), mode=mode)
        images = [np.moveaxis(image.cpu().numpy(), 0, -1) for image in inputs]
        for sample, row in zip(data_samples, self.encoder(images)):
            sample.embedding = torch.from_numpy(row)
        return data_samples
