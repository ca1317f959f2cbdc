"""What was trained, on what, and how well it did."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmreidmix.results.result_table import method_score, shown_domains
from mmreidmix.results.start_row import (
    HOW_TO,
    MARK,
    group_starts,
    start_label,
    starts_of,
)

from ..log_file import TrainingLog
from ..page_blocks import NamedValues, Note, Table
from ..score_tables import (
    HEADLINE,
    Validation,
    group_seeds,
    last_and_best,
    score_cells,
    score_keys,
    start_to_end_cells,
    validations,
)
from ..work_dir import Options, WorkDir

VERSIONS = ('Python', 'PyTorch', 'TorchVision', 'MMEngine', 'OpenCV')


def summary(work: WorkDir, options: Options) -> list:
    """What the run was, and the headline scores."""
    blocks = [NamedValues([*_method(work), *_run(work)]), *_headline(work)]
    if len(work.logs) > 1:
        blocks.append(_runs(work.logs))
    return blocks


def _method(work: WorkDir) -> list[tuple[str, str]]:
    model = work.config.get('model') or {}
    rows = [('Experiment', work.name),
            ('Method', str(model.get('type', 'not known: no config')))]
    if work.config.get('protocol'):
        rows.append(('Protocol', str(work.config['protocol'])))
    return rows


def _run(work: WorkDir) -> list[tuple[str, str]]:
    if not work.logs:
        return [('Run', 'no log of a training: expected */<date>_<time>.log')]
    first, last = work.logs[0], work.logs[-1]
    return [
        ('Date', f'{first.start:%Y-%m-%d %H:%M} to {last.end:%Y-%m-%d %H:%M}'),
        ('Duration', _duration(sum(log.seconds for log in work.logs))),
        ('Progress', _progress(work)),
        ('Checkpoint', _checkpoint(work)),
        ('Training seed', last.seed),
        ('Hardware', _hardware(last.environment)),
        ('Versions', ', '.join(
            f'{name} {last.environment[name].partition(" (")[0]}'
            for name in VERSIONS if name in last.environment) or 'not logged'),
    ]


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {seconds:02d} s'


def _progress(work: WorkDir) -> str:
    limits = work.config.get('train_cfg') or {}
    number, unit = work.logs[-1].saved or (0, 'epochs')
    total = limits.get('max_epochs' if unit == 'epochs' else 'max_iters')
    text = f'{number} of {total or "?"} {unit}'
    if work.first_epoch:
        text += f', the first {work.first_epoch} of them in another work dir'
    return text


def _checkpoint(work: WorkDir) -> str:
    if work.checkpoint is None:
        return 'none was saved'
    gone = '' if work.checkpoint.is_file() else ', no longer in the work dir'
    return f'{work.checkpoint.name} (rule: {work.rule}{gone})'


def _hardware(environment: dict) -> str:
    gpus = [f'{key}: {value}' for key, value in environment.items()
            if key.startswith('GPU ') and key != 'GPU number']
    text = '; '.join(gpus) or 'CPU'
    processes = environment.get('GPU number', '1')
    return text if processes == '1' else f'{text}; {processes} processes'


def _headline(work: WorkDir) -> list:
    rows = [
        [domain, start_label(next(iter(group.values()))), *cells]
        for group in group_starts(work.starts)
        for domain, cells in score_cells(group, HEADLINE).items()
    ] + [
        [domain, _tested(group, work.name), *cells]
        for group in group_seeds(work.results)
        for domain, cells in score_cells(
            group, HEADLINE, starts_of(group, work.starts)).items()
    ]
    try:
        pairs = last_and_best(validations(work.scalars))
    except (OSError, ValueError):
        pairs = []  # the section of the curves says why
    for last, best in pairs:
        rows.append([last.domain, f'last validation, epoch {last.epoch}',
                     *last.cells(HEADLINE, work.own_start)])
        if best.epoch != last.epoch:
            rows.append([best.domain, f'best validation, epoch {best.epoch}',
                         *best.cells(HEADLINE, work.own_start)])
    if not rows:
        return [Note('No scores: no result file and no validation was found.',
                     'missing')]
    blocks: list = [*_start_to_end(work, [last for last, _ in pairs]),
                    Table('Headline scores, in percent',
                          ['tested domain', 'of', *HEADLINE], rows)]
    if not work.starts:
        blocks.append(Note('The row of doing nothing: '
                           f'{HOW_TO}; put start.json into the work dir.',
                           'missing'))
    elif any(MARK in cell for row in rows for cell in row):
        blocks.append(Note(f'{MARK} is below doing nothing.', 'warning'))
    if any(last.epoch != best.epoch for last, best in pairs):
        blocks.append(Note(
            'The last checkpoint is the one that counts. The best is shown '
            'to tell how far the training ran past it; it is chosen by '
            'looking at the tested images, so it is not a result.'))
    return blocks


def _start_to_end(work: WorkDir, last: Sequence[Validation]) -> list[Table]:
    """A row per domain whose start was tested, by tests or else validations.

    Those of tests are means over the seeds.
    """
    rows: dict[str, list[str]] = {}
    for group in group_seeds(work.results):
        starts = starts_of(group, work.starts)
        for domain in shown_domains(score_keys(group)):
            scores = {name: method_score(group, domain, name, 0)[0]
                      for name in HEADLINE}
            rows.setdefault(
                domain, start_to_end_cells(scores, starts, domain))
    for own in last:
        if not rows.get(own.domain):
            rows[own.domain] = start_to_end_cells(
                own.scores, work.own_start, own.domain)
    found = [[domain, *cells] for domain, cells in rows.items() if cells]
    return [Table('From start to end, in percent',
                  ['tested domain', *HEADLINE], found)] if found else []


def _tested(group: Mapping[Path, dict], name: str) -> str:
    results = list(group.values())
    files = dict.fromkeys(Path(r['checkpoint']).name for r in results)
    method = results[0]['method']
    text = f'test of {", ".join(files)}, rule {results[0]["checkpoint_rule"]}'
    if method != name:
        text = f'{method}: {text}'
    return f'{text}, {len(results)} seeds' if len(results) > 1 else text


def _runs(logs: Sequence[TrainingLog]) -> Table:
    return Table(
        'Runs in this work dir: started again or resumed',
        ['started', 'duration', 'saved up to', 'began with'],
        [[f'{log.start:%Y-%m-%d %H:%M}', _duration(log.seconds),
          f'{log.saved[1]}: {log.saved[0]}' if log.saved else 'nothing',
          'the first epoch' if log.resumed is None
          else f'the checkpoint of epoch {log.resumed}'] for log in logs])
