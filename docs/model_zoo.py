"""Writes docs/en/model_zoo.md from model-index.yml and its metafiles."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'en' / 'model_zoo.md'
#: Scores of the starts, untouched, on the three sets.
STARTS = {
    'OSNet x0.25, MSMT17': '37.8 / 53.2 | 41.0 / 61.9 | 17.1 / 14.3',
    'MobileNetV2, ImageNet': '12.1 / 22.6 | 7.2 / 13.5 | 1.0 / 0.8',
}
HEAD = '''# Model zoo

Configs with figures, from `model-index.yml` and the `metafile.yml` of each
folder. mAP / rank-1 in percent, means of the seeds; first the start of the
trainings, untouched, at its own size. Spread, commands and hardware are in the
[benchmark](benchmark.md). No weights are shipped: they were made from images
and weights that are for research only. What a config needs to be trained again
is in its first lines; [store_model.py] keeps and shares what comes out.

[store_model.py]: user_guides/inference.md#keep-a-model-give-it-away

'''


def page() -> str:
    """The whole page."""
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text('utf-8'))
    return HEAD + '\n'.join(map(section, index['Import']))


def section(file: str) -> str:
    """What a metafile holds: a title, and a table where it has models."""
    content = yaml.safe_load((ROOT / file).read_text('utf-8'))
    collection, = content['Collections']
    lines = [f'## {collection["Name"]}', '']
    paper = collection.get('Paper')
    if paper:
        lines += [f'[{paper["Title"]}]({paper["URL"]})', '']
    models = content['Models']
    if not models:
        return '\n'.join([*lines, 'No figures yet.', ''])
    sets = list(dict.fromkeys(
        row['Dataset'] for model in models for row in model['Results']))
    lines += [f'| config | trained on | {" | ".join(sets)} |',
              f'|---|---|{"---:|" * len(sets)}']
    starts = dict.fromkeys(model['Metadata']['Start'] for model in models)
    lines += [f'| doing nothing | {start} | {STARTS[start]} |'
              for start in starts]
    return '\n'.join([*lines, *(row(model, sets) for model in models), ''])


def row(model: dict, sets: list[str]) -> str:
    """A model and its scores."""
    scores = {result['Dataset']: '{mAP:.1f} / {rank-1:.1f}'.format(
        **result['Metrics']) for result in model['Results']}
    cells = [f'`{model["Config"].removeprefix("configs/")}`',
             model['Metadata']['Training Data'],
             *(scores.get(name, '-') for name in sets)]
    return f'| {" | ".join(cells)} |'


if __name__ == '__main__':
    PAGE.write_text(page(), encoding='utf-8')
