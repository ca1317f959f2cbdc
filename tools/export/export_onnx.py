"""Export a trained model to one ONNX file and check it.

    python tools/export/export_onnx.py work_dirs/run/epoch_60.pth model.onnx \
        --check FOLDER

The file takes raw pixels (B, H, W, 3), uint8, RGB, and gives embeddings of
unit length; resizing and normalisation are inside. With ``--check`` it is
compared with PyTorch on pictures of a folder; ``--int8`` also writes a
quantized file, calibrated on these pictures.
"""

import argparse
from pathlib import Path

import numpy as np

from mmreidmix.apis.app.command_line import positive
from mmreidmix.command_line import output_file, run_main, run_tool
from mmreidmix.files import replace_file

#: largest difference of a value of a unit-length embedding
TOLERANCE = 1e-4


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='checkpoint, or config with --weights')
    parser.add_argument(
        'out', type=output_file, help='file ending in .onnx')
    parser.add_argument('--weights', help='checkpoint of a config')
    parser.add_argument(
        '--check', type=Path, metavar='FOLDER',
        help='compare with PyTorch on pictures of this folder')
    parser.add_argument(
        '--int8', type=Path, metavar='FILE',
        help='also write a quantized model; needs --check')
    parser.add_argument(
        '--num', type=positive, default=256,
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
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.images import list_images
    names = list_images(folder)
    chosen = np.unique(np.linspace(0, len(names) - 1, count).astype(int))
    return [folder / names[i] for i in chosen]


def check(content: bytes, trained, inferencer, pictures: list) -> str:
    """Compare with PyTorch, on prepared pictures and on raw ones.

    Prepared ones need no resizing in the graph. Raw ones are compared with
    the same steps in PyTorch, as the rounding of OpenCV is another.

    Args:
        content (bytes): of the exported file.
        trained (TrainedModel): what was exported.
        inferencer (ReIDInferencer): the same, preparing pictures by OpenCV.
        pictures (list[Path]): to compare on.

    Returns:
        str: what was found.

    Raises:
        ValueError: a value differs by more than :data:`TOLERANCE`.
    """
    import torch

    from mmreidmix.apis.deploy.export import pixels_to_embedding
    from mmreidmix.apis.deploy.inference_backends import OnnxEncoder
    from mmreidmix.apis.images import as_bgr
    encoder, module = OnnxEncoder(content), pixels_to_embedding(trained)
    images = [as_bgr(picture) for picture in pictures]
    found = np.concatenate([encoder([image]) for image in images])
    with torch.inference_mode():
        expected = torch.cat([
            module(torch.from_numpy(image[None, ..., ::-1].copy()))
            for image in images]).numpy()
    wanted = inferencer(pictures)
    prepared = np.concatenate([
        encoder([inferencer.prepare(picture)]) for picture in pictures])
    worst = np.max([np.abs(found - expected), np.abs(prepared - wanted)])
    if not worst <= TOLERANCE:
        raise ValueError(f'the exported model differs from PyTorch by '
                         f'{worst:.1e}, more than {TOLERANCE:g}; no file is '
                         'written')
    cosine = (found * wanted).sum(1)
    return (f'{len(pictures)} pictures: largest difference to PyTorch '
            f'{worst:.1e}; to pictures resized by OpenCV: cosine '
            f'{cosine.mean():.6f} on average, {cosine.min():.6f} at least')


def export(args) -> None:
    """Export, check, write."""
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.deploy.export import export_onnx, quantize
    from mmreidmix.apis.deploy.inference_backends import OnnxEncoder
    from mmreidmix.apis.trained_model import load_trained_model
    trained = load_trained_model(args.model, args.weights)
    content = export_onnx(trained)
    if args.check:
        pictures = sample(args.check, args.num)
        inferencer = ReIDInferencer(args.model, args.weights, device='cpu',
                                    amp=False)
        print(check(content, trained, inferencer, pictures))
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


def main(args=None) -> int:
    """Run; returns the exit status."""
    return run_tool(export, parse_args(args), 'export_onnx')


if __name__ == '__main__':
    run_main(main)
