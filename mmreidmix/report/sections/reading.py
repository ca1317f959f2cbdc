"""What the figures can not say."""

from collections.abc import Iterator

from mmreidmix.results.checkpoint_rule import same_data

from ..domains import (
    data_set,
    domain_name,
    is_toy,
    tested_domains,
    trained_domains,
)
from ..page_blocks import Note
from ..score_tables import RESAMPLES
from ..work_dir import Options, WorkDir


def reading(work: WorkDir, options: Options) -> list[Note]:
    """Notes on how far the scores may be trusted."""
    return [*_of_training(work), *_of_scores(work), *_of_overlap(work),
            *_of_results(work), *_of_labels(work)]


def _of_training(work: WorkDir) -> Iterator[Note]:
    domains = trained_domains(work) + tested_domains(work)
    toys = dict.fromkeys(domain_name(d) for d in domains if is_toy(d))
    if toys:
        yield Note(
            f'Toy data: {", ".join(toys)}. The people are drawn by a program; '
            'such scores say that a method runs and learns, not how good it '
            'is on people.', 'warning')
    if work.rule == 'last' or not work.logs:
        return
    if work.logs[-1].saved is None:
        yield Note('The training was stopped before its first checkpoint.',
                   'warning')
    else:
        yield Note(
            'The training is not finished, or its config does not tell: the '
            f'last checkpoint is {work.rule!r}.', 'warning')


def _of_scores(work: WorkDir) -> Iterator[Note]:
    # None stands for a seed that is not known
    seeds = {result['training_seed'] for result in work.results.values()}
    if len(seeds) < 2:
        yield Note(
            'A single seed: there is no spread over trainings. Another seed '
            'gives other scores; do not rank methods by small differences.',
            'warning')
    if work.results:
        yield Note(
            'Intervals in brackets hold 95 % of the means of '
            f'{RESAMPLES} draws of the queries, with replacement. They tell '
            'what other queries of the same kind would give, not what another '
            'training would.')


def _of_overlap(work: WorkDir) -> Iterator[Note]:
    pairs = [
        (domain_name(test), source.get('role', 'labelled'))
        for test in tested_domains(work) for source in trained_domains(work)
        if same_data(source, data_set(test))
    ]
    for name, role in dict.fromkeys(pairs):
        yield Note(f'Images of the data set {name} were trained on ({role}): '
                   'scores on it are not those of an unseen domain.')


def _of_results(work: WorkDir) -> Iterator[Note]:
    for file, result in work.results.items():
        if result['checkpoint_rule'] not in ('last', 'source_val'):
            yield Note(
                f'{file}: the checkpoint was chosen by the rule '
                f'{result["checkpoint_rule"]!r}, which is no fair result.',
                'warning')
        trained = result.get('training_config_sha256')
        if trained and trained != result['config_sha256']:
            yield Note(
                f'{file}: tested with another config than it was trained '
                'with.', 'warning')
        other = [d['name'] for d in result['domains']
                 if d.get('counts_ok') is False]
        if other:
            yield Note(
                f'{file}: {", ".join(other)} does not have the published '
                'numbers of images: not comparable with published scores.')


def _of_labels(work: WorkDir) -> Iterator[Note]:
    if any(d.get('role') == 'unlabelled' for d in trained_domains(work)):
        yield Note(
            'Label quality is measured with the true identities of the '
            'unlabelled images where the data set has them. They are used for '
            'this log alone and never reach the training.')
