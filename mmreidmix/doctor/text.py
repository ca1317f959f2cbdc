"""A diagnosis as lines of text."""

from mmreidmix.command_line import printable
from mmreidmix.results.public_values import public_path

from .examine import Diagnosis
from .finding import Finding


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Each finding, then a summary."""
    blocks = map(finding_lines, diagnosis.findings)
    return '\n\n'.join(
        [*map('\n'.join, blocks), f'Doctor: {diagnosis.summary()}'])


def finding_lines(finding: Finding) -> list[str]:
    """A finding: what, detail, what to do, examples."""
    lines = [one_line(finding)]
    if finding.detail:
        lines.append(f'  {printable(finding.detail)}')
    lines.append(f'  What to do: {finding.advice}')
    for example in finding.examples:
        images = ' = '.join(
            printable(public_path(image)) for image in example.images)
        remark = f' ({printable(example.text)})' if example.text else ''
        lines.append(f'    {images}{remark}')
    return lines


def one_line(finding: Finding) -> str:
    """A finding in a line."""
    return f'{finding.level}: {printable(finding.headline)} [{finding.name}]'
