"""A model from a checkpoint, with all that is needed to use it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import torch
import torch.nn as nn
from mmengine.registry import init_default_scope
from mmengine.runner import load_state_dict

from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.choices import RUN_BY
from mmreidmix.config_file import read_config
from mmreidmix.config_text import parse_config
from mmreidmix.models.weights import check_embedding_weights, unwrap_state_dict
from mmreidmix.registry import MODELS, TRANSFORMS

from .checkpoint_config import check_types, without_init
from .model_store import model_file


@dataclass(frozen=True)
class TrainedModel:
    """What :func:`load_trained_model` finds.

    Attributes:
        model (nn.Module): a :class:`BaseReID` in evaluation mode.
        pipeline (list[dict]): transforms of a test, loading and packing
            included.
        thresholds (dict, optional): what ``calibrate.py`` stored.
        facts (dict): of the training, as far as known: 'method_sha256',
            'epoch', 'iter', 'seed', 'protocol', 'sources', 'datasheets', the
            datasheets of own data by domain; and 'checkpoint', the name of
            the file.
        sha256 (str): of the weights: embeddings of two models can not be
            compared.
    """

    model: nn.Module
    pipeline: list
    thresholds: Optional[dict]
    facts: dict
    sha256: str

    def description(self) -> dict:
        """All but the network, as an exported file has it."""
        return dict(pipeline=self.pipeline, thresholds=self.thresholds,
                    facts=self.facts, sha256=self.sha256)


def load_trained_model(model: Union[str, Path],
                       weights: Union[str, Path, None] = None,
                       device: str = 'cpu') -> TrainedModel:
    """Build a model in evaluation mode and load its weights.

    Args:
        model (str | Path): a checkpoint of this project, which carries its
            config; or a config file, which is run and needs ``weights``.
        weights (str | Path, optional): the checkpoint of a config file.
        device (str): where to.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the checkpoint has no config, or one with components that
            no registry names, or its weights do not fit the model.
    """
    model = existing_file(model)
    is_config = model.suffix == '.py'
    if is_config and weights is None:
        raise ValueError(f'{model} is a config file: give its checkpoint '
                         'as `weights`')
    if not is_config and weights is not None:
        raise ValueError(f'`weights` belongs to a config file (.py), got '
                         f'{model}')
    weights = existing_file(weights if is_config else model)
    checkpoint = read_checkpoint(weights)
    meta = checkpoint.get('meta') or {}
    cfg = read_config(model).to_dict() if is_config else (
        _stored_config(meta, weights))
    if not isinstance(cfg.get('model'), Mapping):
        raise ValueError(f'{model}: the config has no `model`')
    network_cfg = without_init(cfg['model'])
    if not is_config:
        check_types(network_cfg, MODELS, str(weights))
    pipeline = _test_pipeline(cfg, weights)
    # inner components are looked up in the registries of this scope
    init_default_scope('mmreidmix')
    network = MODELS.build(network_cfg)
    state = unwrap_state_dict(checkpoint)
    check_embedding_weights(network, state, str(weights))
    fresh = {key: value for key, value in network.state_dict().items()
             if key.startswith('bnneck.')}
    load_state_dict(network, {**fresh, **state}, strict=False)
    return TrainedModel(
        network.to(device).eval(), pipeline, meta.get('thresholds'),
        dict(training_facts(meta, cfg), checkpoint=weights.name),
        weights_hash(state))


def existing_file(path: Union[str, Path]) -> Path:
    """The file of an address, see :mod:`.model_store`, if there is one.

    Raises:
        FileNotFoundError: there is none.
    """
    path = model_file(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'no file {path}; expected a checkpoint (.pth), a config (.py) '
            f'or an exported model ({", ".join(RUN_BY)})')
    return path


def _stored_config(meta: Mapping, path: Path) -> dict:
    text = meta.get('cfg')
    if not isinstance(text, str):
        raise ValueError(
            f'{path} does not carry its config (meta.cfg). Convert weights of '
            'others by tools/model_converters/convert_weights.py; or give a '
            'config file as the model and this file as `weights`')
    return parse_config(text)


def _test_pipeline(cfg: Mapping, path: Path) -> list:
    for name in ('test_dataloader', 'val_dataloader'):
        pipeline = ((cfg.get(name) or {}).get('dataset') or {}).get('pipeline')
        if pipeline:
            check_types(pipeline, TRANSFORMS, str(path))
            return list(pipeline)
    raise ValueError(f'{path}: the config has no `test_dataloader.dataset.'
                     'pipeline`, which says how images are prepared')


def training_facts(meta: Mapping, cfg: Mapping) -> dict:
    """What a checkpoint says of its training, see :class:`TrainedModel`."""
    facts = {key: meta[key] for key in (
        'method_sha256', 'epoch', 'iter', 'seed', 'datasheets') if key in meta}
    if cfg.get('protocol'):
        facts['protocol'] = cfg['protocol']
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    facts['sources'] = [
        f'{domain.get("name") or domain.get("type")} '
        f'({domain.get("role", "labelled")})'
        for domain in dataset.get('domains', ())
    ]
    return facts


def weights_hash(state: Mapping) -> str:
    """SHA-256 of the tensors of a state dict, with their names."""
    digest = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        digest.update(f'{key} {value.dtype} {tuple(value.shape)}\n'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
