"""The data doctor: what is wrong with data sets, before they are used."""

from .examine import Diagnosis, examine
from .finding import KINDS, LEVELS, Example, Finding
from .labels import check_labels, unmatched
from .parts import (
    Part,
    parts_of_config,
    parts_of_domain,
    parts_of_mixture,
    parts_of_test,
)
from .text import diagnosis_text, one_line

__all__ = [
    'KINDS', 'LEVELS', 'Diagnosis', 'Example', 'Finding', 'Part',
    'check_labels', 'diagnosis_text', 'examine', 'one_line',
    'parts_of_config', 'parts_of_domain', 'parts_of_mixture',
    'parts_of_test', 'unmatched'
]
