"""Models in folders and on the Hugging Face hub, by one kind of address.

A stored model is a folder with ``model.pth`` (the tested encoder and its
config) and ``README.md`` (what it is, and how to use it). An address is such a
folder, a file, or ``hub:OWNER/NAME`` with ``@REVISION`` where one is wanted.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import torch

from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.config_text import parse_config
from mmreidmix.files import replace_file
from mmreidmix.models.weight_average import (
    has_momentum_encoder,
    take_encoder,
)
from mmreidmix.models.weights import unwrap_state_dict

from .checkpoint_config import without_init

MODEL = 'model.pth'
CARD = 'README.md'
#: What of a checkpoint's ``meta`` goes with a stored model.
_META = ('cfg', 'epoch', 'iter', 'seed', 'method_sha256', 'preprocessing',
         'datasheets', 'thresholds', 'averaged')
_ADDRESS = re.compile(r'hub:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?')


class HubAddress(NamedTuple):
    """A repository on the hub; ``revision`` None is the newest."""

    repository: str
    revision: Optional[str]


def hub_address(text: Union[str, Path]) -> Optional[HubAddress]:
    """The hub's repository that an address names; None if it is a path.

    Raises:
        ValueError: it begins with ``hub:``, but names no repository.

    Examples:
        >>> hub_address('hub:me/station@v2')
        HubAddress(repository='me/station', revision='v2')
        >>> hub_address('work_dirs/epoch_5.pth')
    """
    if not str(text).startswith('hub:'):
        return None
    found = _ADDRESS.fullmatch(str(text))
    if not found:
        raise ValueError(f'{str(text)!r} is no address on the hub: expected '
                         'hub:OWNER/NAME or hub:OWNER/NAME@REVISION')
    return HubAddress(*found.groups())


def model_file(address: Union[str, Path]) -> Path:
    """The file of a model: fetched, of a folder, or the address itself.

    Raises:
        ConnectionError: the hub does not give it.
        ImportError: ``huggingface_hub`` is missing.
        ValueError: a wrong address.
    """
    place = hub_address(address)
    if place is None:
        path = Path(address)
        return path / MODEL if path.is_dir() else path
    hub = _hub()
    try:
        return Path(hub.hf_hub_download(
            place.repository, MODEL, revision=place.revision))
    except Exception as error:  # of many kinds, by version of the package
        raise ConnectionError(
            f'{address}: the hub does not give {MODEL}: '
            f'{type(error).__name__}: {error}') from error


def store_model(checkpoint: Union[str, Path], target: Union[str, Path],
                title: Optional[str] = None, public: bool = False) -> str:
    """Store the tested encoder of a checkpoint, with a card.

    Optimizer, heads, memories and labels of the training are left out.

    Args:
        checkpoint (str | Path): of this project.
        target (str | Path): a new folder, or ``hub:OWNER/NAME``.
        title (str, optional): of the card. Defaults to the target's name.
        public (bool): whether a repository that is made on the hub can be
            seen by all. Defaults to False.

    Returns:
        str: where it is.

    Raises:
        FileExistsError: the folder exists.
        ConnectionError: the hub does not take it.
        ValueError: the checkpoint does not carry its config, or a revision
            is named.
    """
    checkpoint = Path(checkpoint)
    place = hub_address(target)
    if place is None and Path(target).exists():
        raise FileExistsError(f'{target} exists: name a new folder')
    if place is not None and place.revision:
        raise ValueError(f'{target}: leave out @{place.revision}; the hub '
                         'makes revisions of what it is given')
    content = tested_model(checkpoint)
    name = place.repository if place else Path(target).name
    card = model_card(content, title or name, str(target))
    if place is None:
        _write(Path(target), content, card)
        return str(target)
    hub = _hub()
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder, 'model'), content, card)
        try:
            api = hub.HfApi()
            api.create_repo(place.repository, private=not public,
                            exist_ok=True)
            return str(api.upload_folder(
                repo_id=place.repository, folder_path=Path(folder, 'model'),
                commit_message=f'Store {checkpoint.name}'))
        except Exception as error:  # see above
            raise ConnectionError(
                f'{target}: the hub does not take it: '
                f'{type(error).__name__}: {error}. Sign in by `hf auth '
                'login`') from error


def tested_model(checkpoint: Path) -> dict:
    """Encoder that is tested, config and facts of a checkpoint.

    Raises:
        ValueError: it does not carry its config, or holds no encoder.
    """
    content = read_checkpoint(checkpoint)
    meta = content.get('meta') or {}
    if not isinstance(meta.get('cfg'), str):
        raise ValueError(f'{checkpoint} does not carry its config (meta.cfg): '
                         'only models that do can be used by others')
    model = without_init(parse_config(meta['cfg']).get('model') or {})
    state = unwrap_state_dict(content)
    encoder = model.get('inference', 'momentum_encoder')
    try:
        state = take_encoder(state, encoder if has_momentum_encoder(state)
                             else 'encoder')
    except ValueError as error:
        raise ValueError(f'{checkpoint}: {error}') from error
    return dict(state_dict=state,
                meta={key: meta[key] for key in _META if key in meta})


def model_card(content: Mapping, title: str, address: str) -> str:
    """What a model is and how it is used, as Markdown."""
    from .trained_model import training_facts, weights_hash
    meta = content['meta']
    cfg = parse_config(meta['cfg'])
    facts = training_facts(meta, cfg)
    backbone = (cfg.get('model') or {}).get('backbone') or {}
    size = sum(value.numel() for value in content['state_dict'].values())
    rows = dict(
        network=backbone.get('type'), parameters=f'{size:,}',
        protocol=facts.get('protocol'), epochs=facts.get('epoch'),
        seed=facts.get('seed'),
        **{'trained on': ', '.join(facts['sources']),
           'SHA-256 of the weights': weights_hash(content['state_dict'])})
    table = '\n'.join(f'| {key} | {_plain(value)} |'
                      for key, value in rows.items() if value is not None)
    return f'''---
library_name: mmreidmix
tags: [person-re-identification]
---
# {_plain(title)}

Embeddings of people, by [mmreidmix].

| | |
|---|---|
{table}

```python
from mmreidmix import ReIDInferencer

inferencer = ReIDInferencer({address!r})
inferencer(['a.jpg', 'b.jpg'])
```

Weights are under the terms of the images that they were trained on, and of
the weights that they started from. The images show real people: see that your
use is lawful where they live.
'''


def _plain(value: Any) -> str:
    """Text that means nothing in Markdown."""
    return re.sub(r'([\\|`*_<>\[\]#])', r'\\\1',
                  ' '.join(str(value).split()))


def _write(folder: Path, content: dict, card: str) -> None:
    folder.mkdir(parents=True)
    replace_file(folder / MODEL,
                 lambda stream: torch.save(content, stream))
    replace_file(folder / CARD, lambda stream: stream.write(card.encode()))


def _hub() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise ImportError('hub: addresses need the package huggingface_hub: '
                          "pip install '.[hub]'") from error
    return huggingface_hub
