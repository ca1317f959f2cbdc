"""Average the weights of checkpoints: start and end, or several trainings.

Examples::

    python tools/model_converters/average_checkpoints.py \
        data/weights/osnet_x0_25_msmt17.pth work_dirs/run/epoch_6.pth \
        --weights 0.5 0.5 --out work_dirs/run/half_way.pth
    python tools/model_converters/average_checkpoints.py \
        work_dirs/seed0/epoch_6.pth work_dirs/seed1/epoch_6.pth \
        work_dirs/seed2/epoch_6.pth --out work_dirs/soup.pth

The result holds one encoder (backbone, attention, neck, BNNeck), which stands
for both where a model has a momentum encoder. Heads and memories are left
out: their rows belong to the clusters of one training.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mmreidmix.checks import name_some
from mmreidmix.choices import ENCODERS
from mmreidmix.command_line import output_file, run_main, run_tool
from mmreidmix.config_text import parse_config, tells_of_training
from mmreidmix.files import replace_file
from mmreidmix.results.provenance import file_hash

# What the result says of its training, where all that were trained agree.
FACTS = ('epoch', 'iter', 'seed', 'method_sha256', 'preprocessing')


@dataclass
class Source:
    """A checkpoint: encoder taken, meta data, parts that are left out."""

    content: Mapping
    encoder: str
    state: Mapping
    meta: Mapping
    model: Mapping
    trained: bool
    left_out: set


def parse_args(arguments: Optional[Sequence[str]] = None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'checkpoints', nargs='+', type=Path, metavar='CHECKPOINT',
        help='checkpoints of this project, or converted weights; two or more')
    parser.add_argument(
        '--weights', nargs='+', type=float,
        help='share of each, in their order; they sum to 1. Default: equal')
    parser.add_argument(
        '--encoder', choices=ENCODERS,
        help='which encoder of a checkpoint that has a momentum encoder. '
        'Default: the one it is tested with (model.inference of its config)')
    parser.add_argument(
        '--out', type=output_file, required=True, help='file to write')
    return parser.parse_args(arguments)


def read_source(path: Path, encoder: Optional[str]) -> Source:
    """Read a checkpoint and choose its encoder.

    Raises:
        ValueError: it is none, or holds no encoder.
    """
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.checkpoint_config import without_init
    from mmreidmix.apis.trained_model import existing_file
    from mmreidmix.checkpoint_file import read_checkpoint
    from mmreidmix.models.encoder import ENCODER_PARTS
    from mmreidmix.models.weight_average import (
        has_momentum_encoder,
        take_encoder,
    )
    from mmreidmix.models.weights import unwrap_state_dict
    content = read_checkpoint(existing_file(path))
    meta = content.get('meta') or {}
    text = meta.get('cfg')
    cfg = parse_config(text) if isinstance(text, str) else {}
    model = without_init(cfg.get('model') or {})
    try:
        state = unwrap_state_dict(content)
        wanted = encoder or model.get('inference', 'momentum_encoder')
        if not has_momentum_encoder(state):
            wanted = 'encoder'
        taken = take_encoder(state, wanted)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    others = {key.partition('.')[0] for key in state} - {*ENCODER_PARTS}
    if wanted == 'momentum_encoder':
        others = others - {'momentum_encoder'} | {'encoder'}
    return Source(content, wanted, taken, meta, model,
                  tells_of_training(cfg), others)


def check_models(sources: Mapping[Path, Source]) -> None:
    """Raise ValueError where configs make different encoders.

    Strides or mean colours leave no trace in names and shapes of weights.
    """
    from mmreidmix.models.encoder import ENCODER_PARTS
    known = {path: s.model for path, s in sources.items() if s.model}
    first, *others = known or [None]
    for path in others:
        differing = [
            part for part in (*ENCODER_PARTS, 'data_preprocessor')
            if known[first].get(part) != known[path].get(part)
        ]
        if differing:
            raise ValueError(
                f'{first} and {path} were trained with another '
                f'{name_some("model." + part for part in differing)}: '
                'average checkpoints of one network')


def agreed(records: Sequence[Mapping], keys: Sequence[str]) -> dict:
    """Values that all records have alike which have them at all."""
    found = {}
    for key in keys:
        values = [record[key] for record in records if key in record]
        if values and all(value == values[0] for value in values):
            found[key] = values[0]
    return found


def meta_of(sources: Mapping[Path, Source],
            weights: Sequence[float]) -> dict:
    """Config, facts that all share, datasheets of all, sources.

    The config is that of the first training, or else the first there is.
    """
    meta = agreed([source.meta for source in sources.values()], FACTS)
    known = [source for source in sources.values() if source.model]
    if known:
        first = next((s for s in known if s.trained), known[0])
        meta['cfg'] = first.meta['cfg']
    sheets = [source.meta.get('datasheets') or {}
              for source in sources.values()]
    if any(sheets):
        meta['datasheets'] = {
            name: sheet for own in sheets for name, sheet in own.items()}
    meta['averaged'] = [
        dict(
            file=path.name,
            sha256=file_hash(path),
            weight=weight,
            encoder=source.encoder)
        for weight, (path, source) in zip(weights, sources.items())
    ]
    return meta


def average(args) -> None:
    """Average, write, and say what was done."""
    import torch

    from mmreidmix.models.weight_average import average_weights
    if args.out.exists():
        raise ValueError(f'{args.out} exists; remove it or name another file')
    if len({path.resolve() for path in args.checkpoints}) < len(
            args.checkpoints):
        raise ValueError('a checkpoint is named twice; give it one weight')
    count = len(args.checkpoints)
    weights = args.weights or [1 / count] * count
    sources = {
        path: read_source(path, args.encoder)
        for path in args.checkpoints
    }
    if args.encoder == 'momentum_encoder' and all(
            s.encoder == 'encoder' for s in sources.values()):
        raise ValueError('--encoder momentum_encoder: none of the checkpoints '
                         'has a momentum encoder')
    check_models(sources)
    state = average_weights({str(p): s.state for p, s in sources.items()},
                            weights)
    meta = meta_of(sources, weights)
    # what the trainings say of the weights they started from
    start = agreed([source.content for source in sources.values()], ['start'])
    content = dict(start, state_dict=state, meta=meta)
    replace_file(args.out, lambda stream: torch.save(content, stream))
    for row, source in zip(meta['averaged'], sources.values()):
        print(f'{row["weight"]:.4g} x {row["file"]} (sha256 '
              f'{row["sha256"][:16]}...): its {source.encoder}; left out: '
              f'{name_some(sorted(source.left_out))}')
    print('running statistics of BatchNorm are averaged too; thresholds are '
          f'not kept\n{len(state)} tensors written to {args.out}')
    if 'cfg' not in meta:
        print('none of the checkpoints carries a config: use the result with '
              'the config file of its network')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(average, parse_args(arguments), 'average_checkpoints')


if __name__ == '__main__':
    run_main(main)
