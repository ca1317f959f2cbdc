"""What the figures can not say."""

from mmreidmix.report.page_blocks import Note
from mmreidmix.report.score_tables import RESAMPLES
from mmreidmix.results.checkpoint_rule import domains_of, same_data

from ..toy import is_toy


def reading(work, options) -> list:
    """Notes on how far the scores may be trusted."""
    return [*_toy(work), *_unfinished(work), *_seeds(work), *_intervals(work),
            *_seen(work), *_results(work), *_labels(work)]


def _toy(work) -> list:
    domains = _trained(work) + _tested(work)
    names = dict.fromkeys(
        str(d.get('name') or d.get('type')) for d in domains if is_toy(d))
    if not names:
        return []
    return [Note(
        f'Toy data: {", ".join(names)}. The people are drawn by a program; '
        'such scores say that a method runs and learns, not how good it is '
        'on people.', 'warning')]


def _unfinished(work) -> list:
    if work.rule == 'last' or not work.logs:
        return []
    if work.logs[-1].saved is None:
        return [Note('The training was stopped before its first checkpoint.',
                     'warning')]
    return [Note(
        f'The training is not finished, or its config does not tell: the last '
        f'checkpoint is {work.rule!r}.', 'warning')]


def _seeds(work) -> list:
    # None stands for a seed that is not known
    seeds = {result['training_seed'] for result in work.results.values()}
    if len(seeds) > 1:
        return []
    return [Note(
        'A single seed: there is no spread over trainings. Another seed '
        'gives other scores; do not rank methods by small differences.',
        'warning')]


def _intervals(work) -> list:
    if not work.results:
        return []
    return [Note(
        'Intervals in brackets hold 95 % of the means of '
        f'{RESAMPLES} draws of the queries, with replacement. They tell what '
        'other queries of the same kind would give, not what another '
        'training would.')]


def _seen(work) -> list:
    pairs = [
        (str(test.get('name') or test.get('type')),
         source.get('role', 'labelled'))
        for test in _tested(work) for source in _trained(work)
        if same_data(source, test.get('dataset', test))
    ]
    return [Note(
        f'Images of the data set {name} were trained on ({role}): scores on '
        'it are not those of an unseen domain.') for name, role in
        dict.fromkeys(pairs)]


def _results(work) -> list:
    notes = []
    for file, result in work.results.items():
        if result['checkpoint_rule'] not in ('last', 'source_val'):
            notes.append(Note(
                f'{file}: the checkpoint was chosen by the rule '
                f'{result["checkpoint_rule"]!r}, which is no fair result.',
                'warning'))
        trained = result.get('training_config_sha256')
        if trained and trained != result['config_sha256']:
            notes.append(Note(
                f'{file}: tested with another config than it was trained '
                'with.', 'warning'))
        other = [d['name'] for d in result['domains']
                 if d.get('counts_ok') is False]
        if other:
            notes.append(Note(
                f'{file}: {", ".join(other)} does not have the published '
                'numbers of images: not comparable with published scores.'))
    return notes


def _labels(work) -> list:
    if not any(d.get('role') == 'unlabelled' for d in _trained(work)):
        return []
    return [Note(
        'Label quality is measured with the true identities of the unlabelled '
        'images where the data set has them. They are used for this log '
        'alone and never reach the training.')]


def _trained(work) -> list:
    return domains_of(work.config, 'train_dataloader')


def _tested(work) -> list:
    return domains_of(work.config, 'val_dataloader') + [
        domain for result in work.results.values()
        for domain in result['domains']]
