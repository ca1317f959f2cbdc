"""What was changed in the base configs, and the whole config."""

from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Optional

from mmreidmix.config_text import ABSENT
from mmreidmix.engine.config_keys import known_keys
from mmreidmix.results.public_values import public_value

from ..config_difference import (
    base_names,
    changes,
    find_config,
    read_bases,
    read_config,
)
from ..page_blocks import Note, Table, Text
from ..work_dir import Options, WorkDir

#: characters of one value; the whole one is in the config below
LONGEST = 300


def config(work: WorkDir, options: Options) -> list:
    """The difference, then the config itself, folded."""
    if not work.config_text:
        return [Note('No config in the work dir: expected '
                     '*/vis_data/config.py or a .py file.', 'missing')]
    shown, left_out = public_config(work.config)
    text = ''.join(f'{key} = {pformat(value, width=100, sort_dicts=False)}\n'
                   for key, value in shown.items())
    notes = [Note(f'Not shown, as nothing reads them: {", ".join(left_out)}.')
             ] if left_out else []
    return [*_difference(work, options.config),
            Text('The whole config of the last training', text), *notes]


def public_config(config: Mapping) -> tuple[dict, list[str]]:
    """Keys that are read, without secrets; and the names of the others."""
    known = known_keys()
    return (public_value({k: v for k, v in config.items() if k in known}),
            [key for key in config if key not in known])


def _difference(work: WorkDir, named: Optional[str]) -> list:
    try:
        file = Path(named) if named else find_config(work.config_name)
        if not base_names(file):
            return [Note(f'{file} has no base configs.')]
        found = changes(*(public_config(values)[0] for values in (
            read_bases(file), read_config(file), work.config)))
    except Exception as error:  # a config is code: anything may go wrong
        return [Note(f'The difference to the base configs is not known: '
                     f'{error}', 'missing')]
    if not found:
        return [Note(f'{file.name} changes nothing in its bases: '
                     f'{", ".join(base_names(file))}.')]
    return [
        Table('What this run has other than the base configs',
              ['key', 'in the bases', 'in this run', 'set by'],
              [[change.key, _text(change.base), _text(change.run),
                'config file' if change.by_file else 'start of the run']
               for change in found]),
        Note(f'Base configs of {file.name}: {", ".join(base_names(file))}, as '
             'they are now. "Start of the run": the command line, or the '
             'config file was another then.'),
    ]


def _text(value: object) -> str:
    if value is ABSENT:
        return '(not set)'
    text = repr(value)
    return text if len(text) <= LONGEST else f'{text[:LONGEST]} ...'
