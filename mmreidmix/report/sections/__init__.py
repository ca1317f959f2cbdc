from .config import config
from .curves import curves
from .data_card import data_card
from .pictures import pictures
from .reading import reading
from .results import results
from .summary import summary

#: the functions of the sections: name, heading, function of (work, options)
SECTIONS = (
    ('summary', 'Summary', summary),
    ('reading', 'How to read the figures', reading),
    ('results', 'Results', results),
    ('curves', 'Curves', curves),
    ('data', 'Data card', data_card),
    ('pictures', 'Pictures', pictures),
    ('config', 'Config', config),
)

__all__ = ['SECTIONS']
