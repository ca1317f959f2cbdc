"""All sections in one HTML file."""

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional, Union

import jinja2
import markupsafe
from mmengine.logging import print_log

from mmreidmix.files import replace_file
from mmreidmix.version import __version__

from .page_blocks import Note, Section
from .sections import SECTIONS
from .work_dir import Options, WorkDir


def write_report(work_dir: Union[str, Path],
                 out: Union[str, Path, None] = None,
                 results: Sequence[Union[str, Path]] = (),
                 options: Optional[Options] = None) -> Path:
    """Write the report of a training; returns the page.

    Args:
        work_dir (str | Path): of ``tools/train.py``.
        out (str | Path, optional): the page; by default ``report.html`` in
            the work dir.
        results (Sequence[str | Path]): result files that lie elsewhere.
        options (Options, optional): by default without images of people.

    Raises:
        FileNotFoundError, ValueError: it is no work dir of this project, or
            a given result file can not be read.
    """
    work = WorkDir(work_dir, results)
    page = render_page(work, options or Options())
    file = Path(out) if out else work.path / 'report.html'
    replace_file(file, lambda stream: stream.write(page.encode()))
    return file


def render_page(work: WorkDir, options: Options) -> str:
    """The page as text; a section that has no input says so."""
    return render_sections('Training report', work.name, [
        Section(name, title, _blocks(title, function, work, options))
        for name, title, function in SECTIONS
    ])


def render_sections(kind: str, name: str, sections: Sequence[Section]) -> str:
    """A page as text.

    Args:
        kind (str): what the page is, such as 'Training report'.
        name (str): what it is about; its heading.
        sections (Sequence[Section]): its parts.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined)
    environment.filters['breakable'] = _breakable
    text = environment.get_template('page.html').render(
        kind=kind, name=name, sections=sections, version=__version__)
    # file names may hold bytes that are no UTF-8
    return text.encode('utf-8', 'replace').decode()


def _blocks(title: str, function: Callable, work: WorkDir,
            options: Options) -> list:
    try:
        return function(work, options)
    except (OSError, ValueError) as error:
        print_log(f'report, section {title!r}: {error}', logger='current',
                  level=logging.WARNING)
        return [Note(f'This part is missing: {error}', 'missing')]


def _breakable(text: str) -> markupsafe.Markup:
    """Let long names break where a reader expects it, not at any letter."""
    return markupsafe.Markup('<wbr>').join(
        re.split(r'(?<=[/._])(?=[a-zA-Z])', text))
