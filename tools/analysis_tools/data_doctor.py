"""Look for what is wrong with data sets, before they are used.

    python tools/analysis_tools/data_doctor.py configs/remix/r18_x0_25_toy.py
    python tools/analysis_tools/data_doctor.py Market1501:data/market1501 \
        MSMT17:data/msmt17 --out doctor.html doctor.json
    python tools/analysis_tools/data_doctor.py data/mine  # of import_domain

Of a config: what it trains on, validates on and tests on. Exit status 1 if
there is an error, 0 if not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
from mmreidmix.command_line import CfgOptions, output_file, run_main
from mmreidmix.files import replace_file

if TYPE_CHECKING:
    from mmreidmix.doctor import Diagnosis


def parse_target(text: str) -> Union[Path, dict]:
    """A config file, or the config of a domain."""
    return Path(text) if text.endswith('.py') else parse_domain(text)


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument(
        'targets', nargs='+', type=parse_target, metavar='TARGET',
        help='one config file; or domains: TYPE:PATH[:KEY=VALUE,...], or '
        'folders of import_domain.py')
    parser.add_argument(
        '--out', type=output_file, nargs='+', default=[], metavar='FILE',
        help='files to write: FILE.html, a page with the images of the '
        'findings, and FILE.json, the findings for programs')
    parser.add_argument(
        '--fast', action='store_true',
        help='read no image: labels and sizes of files alone')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CfgOptions,
        help='changes to the config, as key=value with dotted keys')
    args = parser.parse_args(arguments)
    configs = [t for t in args.targets if isinstance(t, Path)]
    if configs and len(args.targets) > 1:
        parser.error('name one config, or domains')
    if args.cfg_options and not configs:
        parser.error('--cfg-options is for a config')
    wrong = [f for f in args.out if f.suffix not in ('.html', '.json')]
    if wrong:
        parser.error(f'--out: {wrong[0]} must end in .html or .json')
    return args


def diagnose(args: argparse.Namespace) -> Diagnosis:
    """Build the data sets and look at them."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.config_file import read_config
    from mmreidmix.doctor import examine, parts_of_config, parts_of_domain
    if isinstance(args.targets[0], dict):
        check_domains(args.targets)
        parts = [part for domain in args.targets
                 for part in parts_of_domain(domain)]
        return examine(parts, configured=False, fast=args.fast)
    cfg = read_config(args.targets[0], args.cfg_options)
    metrics = cfg.get('test_evaluator') or cfg.get('val_evaluator') or []
    cross_camera = all(
        metric.get('cross_camera', True)
        for metric in (metrics if isinstance(metrics, list) else [metrics]))
    return examine(parts_of_config(cfg), cross_camera, fast=args.fast)


def write(diagnosis: Diagnosis, file: Path) -> None:
    """Write a page or JSON."""
    if file.suffix == '.json':
        text = json.dumps(diagnosis.to_dict(), indent=2)
        replace_file(file, lambda out: out.write(f'{text}\n'.encode()))
        return
    from mmreidmix.report.doctor_page import write_doctor_page
    write_doctor_page(diagnosis, file)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Look, print, write."""
    args = parse_args(arguments)
    from mmreidmix.doctor import diagnosis_text
    diagnosis = diagnose(args)
    print(diagnosis_text(diagnosis))
    for file in args.out:
        write(diagnosis, file)
    return int(diagnosis.count('error') > 0)


if __name__ == '__main__':
    run_main(main)
