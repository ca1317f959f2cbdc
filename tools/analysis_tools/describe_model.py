"""Show what a model file says of itself, as JSON.

    python tools/analysis_tools/describe_model.py model.onnx

How images are prepared, thresholds, what the model was trained on, and the
datasheets of own data: of a checkpoint, or of what export_model.py wrote.
"""

import argparse
import json

from mmreidmix.command_line import run_main, run_tool


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='checkpoint, exported file, or folder '
                        'for Roboflow')
    return parser.parse_args(args)


def describe(args) -> None:
    """Print it."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.deploy.describe import describe_model
    print(json.dumps(describe_model(args.model), indent=1))


def main(args=None) -> int:
    """Run; returns the exit status."""
    return run_tool(describe, parse_args(args), 'describe_model')


if __name__ == '__main__':
    run_main(main)
