"""Draw losses, scores and label quality of one or several trainings.

Examples:
    python tools/visualization/curves.py \
        work_dirs/r18_x0_25_toysyn_toytarget --out curves.png
    python tools/visualization/curves.py work_dirs/a work_dirs/b \
        --keys loss_contrast 'pku-reid/mAP' --out curves.png
    python tools/visualization/curves.py work_dirs/a work_dirs/b --labels \
        --out labels.png
"""

import argparse

from mmreidmix.command_line import output_file, printable, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw curves over epochs: an overview of one training, '
        'or a panel per key with a curve for each of several')
    parser.add_argument(
        'work_dirs', nargs='+', metavar='WORK_DIR',
        help='of a training, finished or not')
    parser.add_argument(
        '--out', type=output_file, required=True,
        help='picture to write: .png, .pdf or .svg')
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        '--keys', nargs='+', metavar='KEY',
        help="what to draw: keys of vis_data/scalars.json or patterns such as "
        "'*/mAP'; default of several trainings: loss '*/mAP'")
    chosen.add_argument(
        '--labels', action='store_true',
        help='draw the number and the quality of the clusters')
    return parser.parse_args(arguments)


def draw(args):
    """Draw and print where the picture is."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.visualization import (
        LABEL_KEYS,
        RUN_KEYS,
        draw_curves,
        read_scalars,
        run_names,
        save_picture,
    )
    names = run_names(args.work_dirs)
    runs = {name: read_scalars(folder)
            for name, folder in zip(names, args.work_dirs)}
    if args.keys or args.labels or len(runs) > 1:
        keys = args.keys or (LABEL_KEYS if args.labels else RUN_KEYS)
        figure = draw_keys(runs, keys, need_all=bool(args.keys))
    else:
        figure = draw_curves(runs[names[0]], names[0])
    print(f'curves: {save_picture(figure, args.out)}')


def draw_keys(runs, keys, need_all):
    """Draw some keys, and print which runs and keys are absent."""
    from mmreidmix.visualization import absent_curves, draw_runs, select_curves
    curves = select_curves(runs, keys, need_all)
    for absent, some in absent_curves(curves, list(runs)).items():
        print(f'{len(absent)} of {len(runs)} runs '
              f'({printable(", ".join(absent))}) did not log '
              f'{printable(", ".join(some))}')
    return draw_runs(curves, list(runs))


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'curves')


if __name__ == '__main__':
    run_main(main)
