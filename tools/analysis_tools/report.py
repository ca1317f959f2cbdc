"""One HTML page about a training, to show to a colleague.

    python tools/analysis_tools/report.py work_dirs/r18_x0_25_toysyn_toyreal
    python tools/analysis_tools/report.py WORK_DIR --out page.html \
        --results seed_1/results.json seed_2/results.json

The page needs no network and no other file. Images that may show people are
in it with ``--with-images`` only.
"""

import argparse

from mmreidmix.command_line import output_file, run_main


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('work_dir', help='of tools/train.py')
    parser.add_argument(
        '--out', type=output_file,
        help='the page; default: report.html in the work dir')
    parser.add_argument(
        '--results', nargs='+', default=(), metavar='FILE',
        help='result files of tools/test.py that are not in the work dir, '
        'such as those of other seeds')
    parser.add_argument(
        '--config', help='the config file of the training, where it is none '
        'of those that come with mmreidmix; it is run')
    parser.add_argument(
        '--with-images', action='store_true',
        help='embed images that may show people: samples of each domain, '
        'rank lists, clusters, activation maps')
    return parser.parse_args(arguments)


def main(arguments=None):
    """Write the page and print where it is."""
    args = parse_args(arguments)
    # Imported here: --help must not wait for torch.
    from mmreidmix.report import Options, write_report
    page = write_report(args.work_dir, args.out, args.results,
                        Options(args.config, args.with_images))
    print(f'report: {page} ({page.stat().st_size / 2**20:.1f} MiB)')


if __name__ == '__main__':
    run_main(main)
