"""What the data doctor found, as one HTML file with the images."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from PIL import Image

from mmreidmix.datasets.image_bytes import ImageReadError
from mmreidmix.datasets.transforms.loading import read_image
from mmreidmix.doctor import KINDS, Diagnosis, Finding
from mmreidmix.files import replace_file
from mmreidmix.results.public_values import public_path

from .data_uri import image_uri
from .page import render_sections
from .page_blocks import Note, Picture, Pictures, Section, Table

#: Most pixels of a thumbnail, width and height.
THUMBNAIL = (160, 192)


def write_doctor_page(diagnosis: Diagnosis, file: Union[str, Path]) -> None:
    """Write the page; the images of the examples are in it.

    Args:
        diagnosis (Diagnosis): of :func:`mmreidmix.doctor.examine`.
        file (str | Path): the page.
    """
    names = dict.fromkeys(part.dataset.name for part in diagnosis.parts)
    page = render_sections('Data doctor', ', '.join(names), [
        _summary(diagnosis),
        *(_section(number, finding)
          for number, finding in enumerate(diagnosis.findings, 1))])
    replace_file(file, lambda stream: stream.write(page.encode()))


def _summary(diagnosis: Diagnosis) -> Section:
    images = [[part.where, part.role, f'{len(part.dataset):,}',
               f'{part.dataset.num_pids:,}', f'{part.dataset.num_cams:,}',
               public_path(str(part.dataset.data_root))]
              for part in diagnosis.parts]
    findings = [[f.level, f.where, KINDS[f.name].title,
                 f'{f.count:,} of {f.total:,}'] for f in diagnosis.findings]
    blocks: list = [Note(f'{diagnosis.summary().capitalize()}.')]
    if findings:
        blocks.append(Table('Findings', ['level', 'where', 'what', 'how many'],
                            findings))
    blocks.append(Table(
        'Images', ['subset', 'role', 'images', 'identities', 'cameras',
                   'folder'], images))
    return Section('summary', 'Summary', blocks)


def _section(number: int, finding: Finding) -> Section:
    said = [finding.level.capitalize(), finding.headline]
    blocks: list = [Note(
        f'{": ".join(said)}. {finding.detail}',
        'warning' if finding.level == 'error' else 'note')]
    blocks.append(Note(f'What to do: {finding.advice}'))
    pictures = [
        _picture(address, example.text if place == 0 else 'like the one before'
                 if len(example.images) == 2 else '')
        for example in finding.examples
        for place, address in enumerate(example.images)]
    if pictures:
        blocks.append(Pictures(pictures, small=True))
    return Section(f'finding-{number}',
                   f'{number}. {KINDS[finding.name].title}', blocks)


def _picture(address: str, remark: str) -> Picture:
    """A thumbnail, or a grey field where there is no image to show."""
    try:
        image = Image.fromarray(read_image(address)[..., ::-1])
    except ImageReadError:
        image, remark = Image.new('RGB', (64, 128), '#b0b0b0'), (
            remark or 'can not be shown')
    image.thumbnail(THUMBNAIL)
    path = public_path(address)
    return Picture(image_uri(image, photo=True), path,
                   f'{path}\n{remark}' if remark else path)
