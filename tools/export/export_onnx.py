"""Export a trained model to one file without PyTorch, and check it.

    python tools/export/export_onnx.py work_dirs/run/epoch_60.pth model.onnx \
        --check FOLDER

The file takes raw pixels (B, H, W, 3), uint8, RGB, and gives embeddings of
unit length; resizing and normalisation are inside. --target writes it for
another program, --input and the options behind it say more exactly what it
takes. With --check it is compared with PyTorch on pictures of a folder; --int8
also writes a quantized file, calibrated on these pictures.
"""

import argparse
from pathlib import Path

import numpy as np

from mmreidmix.apis.app.command_line import positive
from mmreidmix.command_line import output_file, run_main, run_tool
from mmreidmix.files import replace_file

#: Lowest cosine of an embedding to PyTorch's, in 32 and in 16 bits.
LOWEST = dict(fp32=0.9999, fp16=0.999)
#: What other programs feed.
TARGETS = dict(
    any=dict(),
    boxmot=dict(input='normalised'),
    openvino=dict(),
    tensorrt=dict(input='unit', opset=17),
)


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='checkpoint, or config with --weights')
    parser.add_argument(
        'out', type=output_file,
        help='file ending in .onnx, or for openvino in .xml')
    parser.add_argument('--weights', help='checkpoint of a config')
    parser.add_argument(
        '--check', type=Path, metavar='FOLDER',
        help='compare with PyTorch on pictures of this folder')
    parser.add_argument(
        '--int8', type=output_file, metavar='FILE',
        help='also write a quantized model; needs --check')
    parser.add_argument(
        '--num', type=positive, default=256,
        help='pictures of --check that are used, spread over the folder '
        '(default: 256)')
    parser.add_argument(
        '--target', choices=TARGETS, default='any',
        help='program that the file is for; sets the options below, as far '
        'as they are not given')
    parser.add_argument(
        '--input', choices=('uint8', 'unit', 'normalised'),
        help='values of the images: 0 to 255 (default), 0 to 1, or minus the '
        'mean by the deviation')
    parser.add_argument(
        '--layout', choices=('NHWC', 'NCHW'),
        help='order of the axes; default: NHWC for uint8, NCHW for floats')
    parser.add_argument(
        '--size', type=positive, nargs=2, metavar=('HEIGHT', 'WIDTH'),
        help='of the images; default: any for uint8, that of the model for '
        'floats')
    parser.add_argument(
        '--batch-size', type=positive, help='images in a batch; default: any')
    parser.add_argument(
        '--opset', type=positive, help='version of the operators; default: 18')
    parser.add_argument(
        '--fp16', action='store_true',
        help='weights and activations of 16 bits')
    args = parser.parse_args(args)
    suffix = '.xml' if args.target == 'openvino' else '.onnx'
    if args.out.suffix != suffix:
        parser.error(f'{args.out} must end in {suffix}')
    if args.int8 and not args.check:
        parser.error('--int8 needs --check FOLDER, pictures to calibrate on')
    if args.int8 and (args.int8.suffix != '.onnx' or args.fp16):
        parser.error('--int8 is a file ending in .onnx, and goes without '
                     '--fp16')
    for name, value in TARGETS[args.target].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def sample(folder: Path, count: int) -> list[Path]:
    """Pictures at equal steps of the sorted list."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.images import list_images
    names = list_images(folder)
    chosen = np.unique(np.linspace(0, len(names) - 1, count).astype(int))
    return [folder / names[i] for i in chosen]


def check(encoder, inferencer, pictures: list) -> str:
    """Compare with PyTorch.

    On pictures that are prepared as in training; where the file takes any
    size also on pictures as they are, which it resizes itself.

    Args:
        encoder (OnnxEncoder | OpenVinoEncoder): of the exported file.
        inferencer (ReIDInferencer): of the model in PyTorch.
        pictures (list[Path]): to compare on.

    Returns:
        str: what was found.

    Raises:
        ValueError: a cosine is below :data:`LOWEST`.
    """
    from mmreidmix.apis.images import Preparation, as_bgr
    wanted = inferencer(pictures)
    prepare = Preparation(encoder.description['pipeline'])
    found = {'prepared': encoder([prepare(path) for path in pictures])}
    form = encoder.description['input']
    if form['size'] is None and form['batch'] is None:
        found['as they are'] = np.concatenate(
            [encoder([as_bgr(path)]) for path in pictures])
    lowest = LOWEST[encoder.precision]
    texts = []
    for name, rows in found.items():
        cosine = (rows * wanted).sum(1)
        texts.append(
            f'{len(pictures)} pictures {name}: cosine to PyTorch '
            f'{cosine.mean():.6f} on average, {cosine.min():.6f} at least; '
            f'largest difference {np.abs(rows - wanted).max():.1e}')
        # What the graph resizes is rounded once, in training twice.
        if not cosine.min() >= (lowest if name == 'prepared' else 0.99):
            raise ValueError('the exported model differs from PyTorch: '
                             f'{texts[-1]}; no file is written')
    return '\n'.join(texts)


def build(args, trained) -> bytes:
    """The content of the ``.onnx`` file that the options ask for."""
    from mmreidmix.apis.deploy.graph import InputForm
    from mmreidmix.apis.deploy.onnx_file import OPSET, export_onnx
    form = InputForm(args.input or 'uint8', args.layout,
                     tuple(args.size) if args.size else None, args.batch_size)
    return export_onnx(trained, form, args.opset or OPSET, args.fp16)


def export(args) -> None:
    """Export, check, write."""
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.deploy.inference_backends import (
        OnnxEncoder,
        OpenVinoEncoder,
    )
    from mmreidmix.apis.deploy.openvino_file import write_openvino
    from mmreidmix.apis.deploy.quantization import quantize
    from mmreidmix.apis.trained_model import load_trained_model
    content = build(args, load_trained_model(args.model, args.weights))
    openvino = args.target == 'openvino'
    if args.check:
        pictures = sample(args.check, args.num)
        inferencer = ReIDInferencer(args.model, args.weights, device='cpu',
                                    amp=False)
        encoder = (OpenVinoEncoder if openvino else OnnxEncoder)(content)
        print(check(encoder, inferencer, pictures))
    if openvino:
        write_openvino(content, args.out)
    else:
        replace_file(args.out, lambda stream: stream.write(content))
    print(f'{args.out}: {len(content) / 2**20:.1f} MiB')
    if args.int8:
        from mmreidmix.apis.images import Preparation
        prepare = Preparation(OnnxEncoder(content).description['pipeline'])
        prepared = [prepare(picture) for picture in pictures]
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
