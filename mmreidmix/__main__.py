"""The command ``mmreidmix``: all tools under short names.

``mmreidmix train CONFIG`` and ``python -m mmreidmix train CONFIG`` are
``python tools/train.py CONFIG``.
"""

import ast
import difflib
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmreidmix.shipped import shipped_folder
from mmreidmix.version import __version__, installed_versions

#: Title -> command -> tool.
COMMANDS = {
    'Train and test': {
        'train': 'train.py',
        'test': 'test.py',
        'adapt': 'adapt.py',
        'suite': 'benchmarks/suite.py',
    },
    'Data': {
        'import': 'dataset_converters/import_domain.py',
        'doctor': 'analysis_tools/data_doctor.py',
        'toy-data': 'dataset_converters/make_toy_data.py',
        'cuhk03': 'dataset_converters/cuhk03_mat.py',
    },
    'Use a model': {
        'extract': 'gallery/extract.py',
        'extract-job': 'gallery/extract_job.py',
        'gallery': 'gallery.py',
        'search': 'gallery/search.py',
        'page': 'demo/app.py',
        'profiles': 'gallery/camera_profiles.py',
        'calibrate': 'analysis_tools/calibrate.py',
        'export': 'export/export_model.py',
        'describe': 'analysis_tools/describe_model.py',
    },
    'Weights': {
        'convert': 'model_converters/convert_weights.py',
        'average': 'model_converters/average_checkpoints.py',
        'store-model': 'model_converters/store_model.py',
    },
    'Results': {
        'report': 'analysis_tools/report.py',
        'table': 'analysis_tools/make_table.py',
        'compare': 'analysis_tools/compare_results.py',
        'profile-curve': 'analysis_tools/profile_curve.py',
        'reassociation': 'analysis_tools/reassociation.py',
    },
    'Pictures': {
        'curves': 'visualization/curves.py',
        'rank-lists': 'visualization/rank_lists.py',
        'clusters': 'visualization/cluster_sheet.py',
        'activation-maps': 'visualization/activation_maps.py',
        'confusion': 'visualization/camera_confusion.py',
        'embedding-map': 'visualization/embedding_map.py',
        'score-histogram': 'visualization/score_histogram.py',
        'contact-sheet': 'visualization/contact_sheet.py',
    },
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool of the first word with the other words.

    Returns:
        int: exit status, where no tool was run.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ('-h', '--help', 'help'):
        print(usage())
        return 0
    if words[0] in ('-V', '--version'):
        print(f'mmreidmix {__version__}')
        for name, number in installed_versions().items():
            print(f'{name} {number}')
        return 0
    tools = {name: file for group in COMMANDS.values()
             for name, file in group.items()}
    if words[0] not in tools:
        print(unknown(words[0], list(tools)), file=sys.stderr)
        return 2
    tool = shipped_folder('tools') / tools[words[0]]
    # As if the file had been started: with its folder to import from.
    sys.argv = [str(tool), *words[1:]]
    sys.path.insert(0, str(tool.parent))
    runpy.run_path(str(tool), run_name='__main__')
    return 0


def usage() -> str:
    """All commands, with the first line that each tool says of itself."""
    tools = shipped_folder('tools')
    lines = ['usage: mmreidmix COMMAND ...', '',
             'mmreidmix COMMAND --help tells the options of a command.']
    for title, group in COMMANDS.items():
        lines += ['', f'{title}:']
        lines += [f'  {name:<16}{first_line(tools / file)}'
                  for name, file in group.items()]
    lines += ['', f'Configs: {shipped_folder("configs")}']
    return '\n'.join(lines)


def first_line(tool: Path) -> str:
    """What a tool says of itself, without running it."""
    text = ast.get_docstring(ast.parse(tool.read_text(encoding='utf-8')))
    return (text or '').split('\n')[0].partition(': ``')[0]


def unknown(word: str, names: list[str]) -> str:
    """What to say where there is no such command."""
    close = difflib.get_close_matches(word, names, n=1)
    hint = f' Did you mean {close[0]!r}?' if close else ''
    return (f'mmreidmix: no command {word!r}.{hint} All commands: '
            f'{", ".join(names)}')


if __name__ == '__main__':
    sys.exit(main())
