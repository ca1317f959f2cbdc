"""How fast the people of a frame become embeddings, by each backend.

    python tools/benchmarks/inference.py CHECKPOINT --images FOLDER

Pictures of people are laid side by side in one frame. Measured is what a
tracker waits for: from the frame and the boxes to the embeddings, with
cutting and resizing. The backends are measured in turns, in one process; the
int8 model is calibrated on the same pictures. Where BoxMOT is installed,
``--boxmot`` measures its own backend on weights that it reads. All cores are
used; ``taskset -c 0`` before the command leaves one.
"""

import argparse
import statistics
import tempfile
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
        help='folder of pictures of people')
    add('--weights', help='checkpoint of a config')
    add('--backends', nargs='+', choices=BACKENDS, default=list(BACKENDS))
    add('--boxmot', nargs='+', default=[], metavar='FILE',
        help="weights for BoxMOT's backend, such as "
        'osnet_x0_25_msmt17.pt or an .onnx file of --target boxmot')
    add('--crops', nargs='+', type=int, default=[1, 8, 32, 64],
        help='numbers of boxes in a frame (default: 1 8 32 64)')
    add('--rounds', type=int, default=20, help='turns of each backend')
    add('--out', type=output_file, help='result file')
    args = parser.parse_args(argv)
    check_positive(parser, rounds=args.rounds, crops=min(args.crops))
    return args


def read_frame(folder: Path, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures side by side.

    Returns:
        tuple[np.ndarray, np.ndarray]: frame (H, W, 3), BGR; boxes (num, 4).
    """
    from mmreidmix.apis.images import as_bgr, list_images
    names = list_images(folder)
    steps = np.linspace(0, len(names) - 1, num).astype(int)
    pictures = [as_bgr(folder / names[step]) for step in steps]
    height = max(len(picture) for picture in pictures)
    ends = np.cumsum([picture.shape[1] for picture in pictures])
    boxes = [(end - picture.shape[1], 0, end, len(picture))
             for picture, end in zip(pictures, ends)]
    frame = np.hstack([
        np.pad(picture, ((0, height - len(picture)), (0, 0), (0, 0)))
        for picture in pictures])
    return frame, np.array(boxes, float)


def build_embedders(args, frame: np.ndarray, boxes: np.ndarray,
                    folder: Path) -> dict[str, Callable]:
    """From frame and boxes to embeddings, by each backend."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import TrackerEmbedder
    from mmreidmix.apis.deploy.onnx_file import export_onnx
    from mmreidmix.apis.deploy.quantization import quantize
    from mmreidmix.apis.trained_model import load_trained_model

    exported, small = folder / 'model.onnx', folder / 'int8.onnx'
    if not {*args.backends}.isdisjoint(
            ('onnxruntime', 'openvino', 'onnxruntime int8')):
        exported.write_bytes(export_onnx(
            load_trained_model(args.model, args.weights)))
    found: dict[str, Callable] = {}
    for name in args.backends:
        if name == 'onnxruntime int8':
            prepare = TrackerEmbedder(exported).inferencer.prepare
            small.write_bytes(quantize(exported.read_bytes(), [
                prepare(frame[top:bottom, left:right])
                for left, top, right, bottom in boxes.astype(int)]))
            found[name] = TrackerEmbedder(small, batch_size=64)
        elif name in ('onnxruntime', 'openvino'):
            found[name] = TrackerEmbedder(
                exported, backend=name, batch_size=64)
        else:
            found[name] = TrackerEmbedder(
                args.model, 'cpu', weights=args.weights, batch_size=64,
                amp=name == 'torch bf16', compile=name == 'torch compiled')
    for file in args.boxmot:
        found[f'boxmot {Path(file).suffix}'] = _boxmot(file)
    return found


def _boxmot(file: str) -> Callable:
    from boxmot.reid.core import ReID
    backend = ReID(file, device='cpu').get_backend()
    return lambda frame, boxes: backend.get_features(boxes, frame)


def measure(embedders: dict, frame: np.ndarray, boxes: np.ndarray,
            args) -> dict:
    """Milliseconds of each backend by number of boxes; how close it is."""
    reference = embedders[args.backends[0]](frame, boxes)
    found = {}
    for num in args.crops:
        seconds: dict[str, list[float]] = {name: [] for name in embedders}
        for turn in range(args.rounds + 1):
            for name, embed in embedders.items():
                begin = time.perf_counter()
                embed(frame, boxes[:num])
                if turn:  # the first warms up and compiles
                    seconds[name].append(time.perf_counter() - begin)
        for name, times in seconds.items():
            found.setdefault(name, {})[str(num)] = dict(
                milliseconds=1e3 * statistics.median(times),
                milliseconds_95=1e3 * float(np.quantile(times, 0.95)))
    for name, embed in embedders.items():
        found[name]['lowest_cosine'] = float(
            (embed(frame, boxes) * reference).sum(1).min())
    return found


def main(argv=None) -> None:
    """Measure, print a table, write."""
    args = parse_args(argv)
    frame, boxes = read_frame(args.images, max(args.crops))
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            build_embedders(args, frame, boxes, Path(folder)), frame, boxes,
            args)
    print('milliseconds for the boxes of a frame: median (95 %)')
    print(f'{"boxes":17}' + ''.join(f'{num:>17}' for num in args.crops)
          + f'{"lowest cosine":>16}')
    for name, row in found.items():
        print(f'{name:17}' + ''.join(
            f'{row[str(num)]["milliseconds"]:8.1f} '
            f'({row[str(num)]["milliseconds_95"]:6.1f})'
            for num in args.crops) + f'{row["lowest_cosine"]:16.4f}')
    save_report(dict(
        model=str(args.model), rounds=args.rounds, backends=found,
        hardware=hardware(), versions=versions()), args.out)


if __name__ == '__main__':
    run_main(main)
