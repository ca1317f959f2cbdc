"""Export a trained model to one ONNX file and check it.

    python tools/export/export_onnx.py work_dirs/run/epoch_60.pth model.onnx \
        --check IMAGES

The file takes raw pixels (B, H, W, 3), uint8, RGB, and gives embeddings of
unit length; resizing and normalisation are inside. ``--check`` compares it
with PyTorch on pictures of a folder, ``--int8`` also writes a quantized file,
calibrated on these pictures.
"""

import argparse
from pathlib import Path

import numpy as np

from mmreidmix.apis.encoders import OnnxEncoder
from mmreidmix.apis.export import export_onnx, quantize
from mmreidmix.apis.images import as_bgr, list_images
from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.apis.trained_model import load_trained_model
from mmreidmix.files import replace_file

#: largest difference of a value of a unit-length embedding
TOLERANCE = 1e-4


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='checkpoint, or config with --weights')
    parser.add_argument('out', type=Path, help='file ending in .onnx')
    parser.add_argument('--weights', help='checkpoint of a config')
    parser.add_argument(
        '--check', type=Path, metavar='FOLDER',
        help='compare with PyTorch on pictures of this folder')
    parser.add_argument(
        '--int8', type=Path, metavar='FILE',
        help='also write a quantized model; needs --check')
    parser.add_argument(
        '--images', type=int, default=256,
        help='pictures of --check that are used, spread over the folder '
        '(default: 256)')
    args = parser.parse_args(args)
    if args.out.suffix != '.onnx':
        parser.error(f'{args.out} must end in .onnx')
    if args.int8 and not args.check:
        parser.error('--int8 needs --check FOLDER, pictures to calibrate on')
    return args


def sample(folder: Path, count: int) -> list[Path]:
    """Pictures at equal steps of the sorted list."""
    names = list_images(folder)
    chosen = np.unique(np.linspace(0, len(names) - 1, count).astype(int))
    return [folder / names[i] for i in chosen]


def differences(inferencer, encoder: OnnxEncoder, pictures: list):
    """Largest difference to PyTorch: prepared pictures, and raw ones.

    Raw pictures are resized inside the graph, whose rounding of a pixel is
    not that of OpenCV.
    """
    expected = inferencer(pictures)
    prepared = np.concatenate([
        encoder([inferencer.prepare(picture)]) for picture in pictures])
    raw = np.concatenate([encoder([as_bgr(picture)]) for picture in pictures])
    return (np.abs(prepared - expected).max(), np.abs(raw - expected).max(),
            (raw * expected).sum(1).min())


def main(args=None) -> None:
    """Export, check, write."""
    args = parse_args(args)
    trained = load_trained_model(args.model, args.weights)
    content = export_onnx(trained)
    if args.check:
        pictures = sample(args.check, args.images)
        inferencer = ReIDInferencer(args.model, args.weights, device='cpu')
        prepared, raw, cosine = differences(
            inferencer, OnnxEncoder(content), pictures)
        print(f'{len(pictures)} pictures: largest difference to PyTorch '
              f'{prepared:.1e}; resized inside the graph {raw:.1e}, lowest '
              f'cosine {cosine:.6f}')
        if prepared > TOLERANCE:
            raise SystemExit(f'ERROR: the exported model differs by more than '
                             f'{TOLERANCE:g}; {args.out} is not written')
    replace_file(args.out, lambda stream: stream.write(content))
    print(f'{args.out}: {len(content) / 2**20:.1f} MiB')
    if args.int8:
        prepared = [inferencer.prepare(picture) for picture in pictures]
        small = quantize(content, prepared)
        replace_file(args.int8, lambda stream: stream.write(small))
        rows = OnnxEncoder(small)(prepared)
        cosine = (rows * inferencer(pictures)).sum(1)
        print(f'{args.int8}: {len(small) / 2**20:.1f} MiB; cosine to PyTorch '
              f'{cosine.mean():.4f} on average, {cosine.min():.4f} at least')


if __name__ == '__main__':
    main()
