from .page import Options, render_page, write_report
from .work_dir import WorkDir

__all__ = ['Options', 'WorkDir', 'render_page', 'write_report']
