"""A model as the two files of OpenVINO."""

import json
from pathlib import Path

from .description import DESCRIPTION
from .inference_backends import OpenVinoEncoder


def write_openvino(content: bytes, path: Path) -> None:
    """Write an exported model as ``.xml``, with its weights as ``.bin``.

    Args:
        content (bytes): what :func:`export_onnx` gave.
        path (Path): of the ``.xml`` file.

    Raises:
        ModuleNotFoundError: openvino is missing.
    """
    encoder = OpenVinoEncoder(content)
    import openvino
    network = openvino.Core().read_model(content)
    network.set_rt_info(json.dumps(encoder.description), [DESCRIPTION])
    # In the precision of the file; by default weights are cut to 16 bits.
    openvino.save_model(network, str(path), compress_to_fp16=False)
