"""What the figures can not say."""

from collections.abc import Iterator, Mapping

from mmreidmix.results.checkpoint_selection import domains_of, same_data

from ..domain_config import data_set, is_toy
from ..page_blocks import Note
from ..score_tables import RESAMPLES
from ..work_dir import Options, WorkDir


def reading(work: WorkDir, options: Options) -> list[Note]:
    """Notes on how far the scores may be trusted."""
    trained = domains_of(work.config, 'train_dataloader')
    tested = domains_of(work.config, 'val_dataloader') + [
        domain for result in work.results.values()
        for domain in result['domains']]
    return [*_of_toys(trained + tested), *_of_progress(work),
            *_of_scores(work), *_of_overlap(trained, tested),
            *_of_results(work), *_of_labels(trained)]


def _name(domain: Mapping) -> str:
    return str(domain.get('name') or domain.get('type'))


def _of_toys(domains: list[Mapping]) -> Iterator[Note]:
    names = dict.fromkeys(map(_name, filter(is_toy, domains)))
    if names:
        yield Note(
            f'Toy data: {", ".join(names)}. The people are drawn by a '
            'program; such scores say that a method runs and learns, not how '
            'good it is on people.', 'warning')


def _of_progress(work: WorkDir) -> Iterator[Note]:
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


def _of_overlap(trained: list[Mapping],
                tested: list[Mapping]) -> Iterator[Note]:
    pairs = [(_name(test), source.get('role', 'labelled'))
             for test in tested for source in trained
             if same_data(source, data_set(test))]
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


def _of_labels(trained: list[Mapping]) -> Iterator[Note]:
    if any(domain.get('role') == 'unlabelled' for domain in trained):
        yield Note(
            'Label quality is measured with the true identities of the '
            'unlabelled images where the data set has them. They are used for '
            'this log alone and never reach the training.')
