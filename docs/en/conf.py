"""Builds docs/en as a site: ``sphinx-build -W docs/en work_dirs/site``."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmreidmix.version import __version__  # noqa: E402

project = 'mmreidmix'
author = 'The mmreidmix authors'
copyright = author
release = version = __version__

extensions = [
    'myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon',
    'sphinx.ext.viewcode'
]
source_suffix = {
    '.rst': 'restructuredtext',
    '.md': 'markdown',
    '.ipynb': 'markdown',
}
root_doc = 'README'
exclude_patterns = ['_build']
myst_heading_anchors = 4
html_theme = 'furo'
html_title = 'mmreidmix'
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'

#: Links of Markdown that leave docs/en: ](../../configs/...).
OUTWARD = re.compile(r'\[([^\]]+)\]\((?:\.\./)+([^)\s]+)\)')


def read_notebook(app, name, source):
    """A notebook becomes a page: its texts and its code, without output."""
    if app.env.doc2path(name).suffix != '.ipynb':
        return
    source[0] = '\n\n'.join(
        text if kind == 'markdown' else f'```python\n{text}\n```'
        for kind, text in (
            (cell['cell_type'], ''.join(cell['source']))
            for cell in json.loads(source[0])['cells']))


def name_files_of_the_repository(app, name, source):
    """Links to files that are not pages become their names."""
    page = Path(app.srcdir, name).parent

    def shown(match):
        target = match.group(0).rpartition('(')[2][:-1].partition('#')[0]
        path = (page / target).resolve()
        if path.is_relative_to(app.srcdir):
            return match.group(0)
        return f'{match.group(1)} (`{path.relative_to(ROOT)}`)'

    source[0] = OUTWARD.sub(shown, source[0])


def add_contents(app, name, source):
    """The lists of the first page become the contents of the site."""
    if name != root_doc:
        return
    trees, title = [], None
    for block in source[0].split('\n\n'):
        pages = [page for page in re.findall(
            r'\]\(([^)#]+)\.(?:md|ipynb)\)', block)
                 if not page.startswith('.')]
        if not pages:
            title = block.strip()
            continue
        caption = [f':caption: {title}'] if title and '#' not in title else []
        trees.append('\n'.join([
            '```{toctree}', ':hidden:', *caption, '', *pages, '```']))
    trees.append('```{toctree}\n:hidden:\n\napi\n```')
    source[0] = '\n\n'.join([source[0], *trees])


def setup(app):
    """Register what is done to each page."""
    app.connect('source-read', read_notebook)
    app.connect('source-read', name_files_of_the_repository)
    app.connect('source-read', add_contents)
