from .page import render_page, write_report
from .work_dir import Options, WorkDir

__all__ = ['Options', 'WorkDir', 'render_page', 'write_report']
