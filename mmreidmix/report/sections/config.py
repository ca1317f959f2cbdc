"""What was changed in the base configs, and the whole config."""

from pathlib import Path
from typing import Optional

from mmreidmix.config_text import ABSENT

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
    return [*_difference(work, options.config),
            Text('The whole config of the last training', work.config_text)]


def _difference(work: WorkDir, named: Optional[str]) -> list:
    try:
        file = Path(named) if named else find_config(work.config_name)
        if not base_names(file):
            return [Note(f'{file} has no base configs.')]
        found = changes(read_bases(file), read_config(file), work.config)
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
