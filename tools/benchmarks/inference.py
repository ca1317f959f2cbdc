"""How fast pictures become embeddings, by each backend of ReIDInferencer.

    python tools/benchmarks/inference.py CHECKPOINT --images FOLDER

Latency: one prepared picture at a time. Throughput: batches of
``--batch-size``. Preparation: reading and resizing one file. The backends are
measured in turns, in one process; the int8 model is calibrated on the same
pictures. What int8 costs in mAP: ``tools/test.py CONFIG model.onnx``.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common.command_line import check_positive, save_report
from common.machine import hardware, versions

from mmreidmix.command_line import output_file, run_main

BACKENDS = ('torch', 'torch bf16', 'torch compiled', 'onnxruntime', 'openvino',
            'onnxruntime int8')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('model', help='checkpoint, or config with --weights')
    add('--images', type=Path, required=True, metavar='FOLDER',
        help='folder of the pictures')
    add('--weights', help='checkpoint of a config')
    add('--backends', nargs='+', choices=BACKENDS, default=list(BACKENDS))
    add('--num', type=int, default=128, help='pictures that are used')
    add('--batch-size', type=int, default=32, help='pictures of a batch')
    add('--rounds', type=int, default=5, help='turns of each backend')
    add('--threads', type=int, help="default: torch's own")
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, num=args.num, batch_size=args.batch_size,
                   rounds=args.rounds, threads=args.threads)
    return args


def build_encoders(args, prepared: list) -> dict[str, Callable]:
    """The encoder of each backend."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.deploy.inference_backends import (
        OnnxEncoder,
        OpenVinoEncoder,
    )
    from mmreidmix.apis.deploy.onnx_file import export_onnx
    from mmreidmix.apis.deploy.quantization import quantize
    from mmreidmix.apis.trained_model import load_trained_model

    def of_torch(**options):
        return ReIDInferencer(
            args.model, args.weights, device='cpu', **options).encoder

    found = {}
    exported = None
    for name in args.backends:
        if name.startswith(('onnxruntime', 'openvino')) and (
                exported is None):
            exported = export_onnx(
                load_trained_model(args.model, args.weights))
        if name == 'onnxruntime':
            found[name] = OnnxEncoder(exported, args.threads)
        elif name == 'openvino':
            found[name] = OpenVinoEncoder(exported, args.threads)
        elif name == 'onnxruntime int8':
            found[name] = OnnxEncoder(
                quantize(exported, prepared), args.threads)
        else:
            found[name] = of_torch(
                amp=name == 'torch bf16', compile=name == 'torch compiled')
    return found


def seconds(function: Callable, parts: list) -> list[float]:
    """Time of the function on each part."""
    found = []
    for part in parts:
        begin = time.perf_counter()
        function(part)
        found.append(time.perf_counter() - begin)
    return found


def measure(encoders: dict, prepared: list, args) -> dict:
    """Latency and throughput of each backend, and how close it is."""
    singles = [[picture] for picture in prepared]
    size = args.batch_size
    batches = [prepared[i:i + size] for i in range(
        0, len(prepared) - size + 1, size)] or [prepared]
    times = {name: ([], []) for name in encoders}
    rows = {}
    for name, encoder in encoders.items():  # warm up, compile
        encoder(singles[0])
        encoder(batches[0])
        rows[name] = np.concatenate([encoder(batch) for batch in batches])
    for _ in range(args.rounds):
        for name, encoder in encoders.items():
            times[name][0].extend(seconds(encoder, singles))
            times[name][1].extend(seconds(encoder, batches))
    reference = rows[args.backends[0]]
    return {
        name: dict(
            latency_ms=1e3 * statistics.median(single),
            latency_ms_95=1e3 * float(np.quantile(single, 0.95)),
            pictures_per_s=len(batches[0]) / statistics.median(many),
            lowest_cosine=float((rows[name] * reference).sum(1).min()))
        for name, (single, many) in times.items()
    }


def main(argv=None) -> None:
    """Measure, print a table, write."""
    args = parse_args(argv)
    import torch

    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.images import list_images
    args.threads = args.threads or torch.get_num_threads()
    torch.set_num_threads(args.threads)
    inferencer = ReIDInferencer(args.model, args.weights, device='cpu')
    names = list_images(args.images)
    steps = np.linspace(0, len(names) - 1, min(args.num, len(names)))
    files = [args.images / names[int(i)] for i in steps]
    prepared = [inferencer.prepare(file) for file in files]
    preparation = statistics.median(seconds(inferencer.prepare, files))
    found = measure(build_encoders(args, prepared), prepared, args)
    print(f'{len(files)} pictures of {prepared[0].shape[:2]}, {args.threads} '
          f'threads; preparation of one: {1e3 * preparation:.2f} ms')
    print(f'{"backend":17} {"ms":>8} {"95 %":>8} {"pictures/s":>11} '
          f'{"lowest cosine to " + args.backends[0]:>24}')
    for name, row in found.items():
        print(f'{name:17} {row["latency_ms"]:8.2f} '
              f'{row["latency_ms_95"]:8.2f} {row["pictures_per_s"]:11.1f} '
              f'{row["lowest_cosine"]:24.6f}')
    result = dict(
        model=str(args.model), size=prepared[0].shape[:2],
        batch=args.batch_size, pictures=len(files),
        preparation_ms=1e3 * preparation, backends=found,
        hardware=hardware(), versions=versions())
    save_report(result, args.out)


if __name__ == '__main__':
    run_main(main)
