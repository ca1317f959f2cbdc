"""Export a trained model for other programs, and check it.

    python tools/export/export_model.py work_dirs/run/epoch_60.pth \
        model.onnx --check FOLDER

The file takes raw pixels (B, H, W, 3), uint8, RGB, and gives embeddings of
unit length; resizing and normalisation are inside. --target writes what
another program reads, --input and the options behind it say more exactly what
a graph takes. With --check it is compared with PyTorch on pictures of a
folder; --int8 also writes a quantized file, calibrated on these pictures.

    python tools/export/export_model.py epoch_60.pth osnet_x0_25_mine.pt \
        --target boxmot  # weights for BoxMOT; model.onnx: a graph
    python tools/export/export_model.py epoch_60.pth folder --target roboflow
    python tools/export/export_model.py epoch_60.pth model.pt2 --target torch
"""

import argparse
from pathlib import Path

from mmreidmix.apis.app.command_line import positive
from mmreidmix.command_line import (
    output_file,
    output_folder,
    run_main,
    run_tool,
)
from mmreidmix.files import replace_file

#: What each target is written as; '' is a folder.
SUFFIXES = dict(
    any=('.onnx', ), boxmot=('.onnx', '.pt'), openvino=('.xml', ),
    roboflow=('', ), tensorrt=('.onnx', ), torch=('.pt2', ),
    ultralytics=('.onnx', ))
#: Options of the targets, as far as they are not given.
DEFAULTS = dict(
    boxmot=dict(input='normalised'), tensorrt=dict(input='unit', opset=17),
    ultralytics=dict(input='unit'))
#: Options that say what a graph takes, and those of ONNX alone.
FORM = ('input', 'layout', 'size', 'batch_size')
ONNX = ('opset', 'fp16', 'int8')


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='checkpoint, or config with --weights')
    parser.add_argument(
        'out', type=Path,
        help='file ending in .onnx; for openvino in .xml, for torch in .pt2, '
        'for boxmot also in .pt; for roboflow a folder')
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
        '--target', choices=SUFFIXES, default='any',
        help='program that the file is for; sets the options below, as far '
        'as they are not given')
    parser.add_argument(
        '--input', choices=('uint8', 'unit', 'normalised'),
        help='values of the images: 0 to 255 (default), 0 to 1, or minus the '
        'mean by the deviation of ImageNet')
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
    fault = wrong_use(args)
    if fault:
        parser.error(fault)
    if args.out.suffix not in ('.pt', ''):
        for name, value in DEFAULTS.get(args.target, {}).items():
            if getattr(args, name) is None:
                setattr(args, name, value)
    return args


def wrong_use(args) -> str:
    """What does not go together; '' for nothing."""
    suffix, suffixes = args.out.suffix, SUFFIXES[args.target]
    if suffix not in suffixes:
        others = [name for name, known in SUFFIXES.items() if suffix in known]
        ends = ' or '.join(suffixes)
        wanted = f'end in {ends}' if ends else 'be a folder, without an ending'
        return f'{args.out} must {wanted}' + (
            f'; {suffix or "a folder"} is for --target {others[0]}'
            if others else '')
    try:
        (output_file if suffix else output_folder)(str(args.out))
    except argparse.ArgumentTypeError as error:
        return f'argument out: {error}'
    refused = dict.fromkeys(
        [*(ONNX if suffix not in ('.onnx', '.xml') else ()),
         *(FORM if suffix in ('.pt', '') else ())])
    for name in refused:
        if getattr(args, name):
            return (f'--{name.replace("_", "-")} is not for '
                    f'{suffix or "the folder of roboflow"}')
    if args.int8 and not args.check:
        return '--int8 needs --check FOLDER, pictures to calibrate on'
    if args.int8 and (args.int8.suffix != '.onnx' or args.fp16):
        return '--int8 is a file ending in .onnx, and goes without --fp16'
    return ''


def export(args) -> None:
    """Export, check, write."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.deploy.check import sample
    from mmreidmix.apis.trained_model import load_trained_model
    trained = load_trained_model(args.model, args.weights)
    inferencer, pictures = None, []
    if args.check:
        pictures = sample(args.check, args.num)
        inferencer = ReIDInferencer(args.model, args.weights, device='cpu',
                                    amp=False)
    write = export_weights if args.out.suffix in ('.pt', '') else export_graph
    write(args, trained, inferencer, pictures)


def export_weights(args, trained, inferencer, pictures: list) -> None:
    """Write weights for a program that rebuilds the network."""
    from mmreidmix.apis.deploy.check import LOWEST, compare
    from mmreidmix.apis.deploy.torchreid_weights import (
        boxmot_file,
        embed_as_torchreid,
        roboflow_files,
    )
    if args.target == 'boxmot':
        name, content = boxmot_file(trained)
        files = {args.out: content}
    else:
        name, contents = roboflow_files(trained)
        files = {args.out / key: value for key, value in contents.items()}
    if pictures:
        prepared = [inferencer.prepare(picture) for picture in pictures]
        print(compare('prepared', embed_as_torchreid(trained, prepared),
                      inferencer(pictures), LOWEST['fp32']))
    for path, content in files.items():
        write_file(path, content)
    print(f'network: {name}, as torchreid has it')


def export_graph(args, trained, inferencer, pictures: list) -> None:
    """Write a graph that goes from pixels to the embedding."""
    from mmreidmix.apis.deploy.check import check_graph
    from mmreidmix.apis.deploy.graph import InputForm
    from mmreidmix.apis.deploy.inference_backends import (
        OnnxEncoder,
        OpenVinoEncoder,
    )
    from mmreidmix.apis.deploy.onnx_file import export_onnx
    from mmreidmix.apis.deploy.openvino_file import write_openvino
    from mmreidmix.apis.deploy.program_file import (
        ProgramEncoder,
        export_program,
    )
    form = InputForm(args.input or 'uint8', args.layout,
                     tuple(args.size) if args.size else None, args.batch_size)
    engine = dict(openvino=OpenVinoEncoder, torch=ProgramEncoder).get(
        args.target, OnnxEncoder)
    content = export_program(trained, form) if args.target == 'torch' else (
        export_onnx(trained, form, *onnx_options(args)))
    if pictures:
        print(check_graph(engine(content), inferencer, pictures))
    if args.target == 'openvino':
        write_openvino(content, args.out)
        print(f'{args.out}: {len(content) / 2**20:.1f} MiB')
    else:
        write_file(args.out, content)
    if args.int8:
        quantize_and_compare(args, content, inferencer, pictures)


def onnx_options(args) -> tuple:
    """Opset, 16 bits or not, and metadata for the target."""
    from mmreidmix.apis.deploy.onnx_file import OPSET
    metadata = {}
    if args.target == 'ultralytics':
        # Without them it embeds the images of a batch one by one.
        metadata = dict(batch=str(args.batch_size)) if args.batch_size else (
            dict(args=str(dict(dynamic=True))))
    return args.opset or OPSET, args.fp16, metadata


def quantize_and_compare(args, content: bytes, inferencer,
                         pictures: list) -> None:
    """Also write the model in 8 bits."""
    from mmreidmix.apis.deploy.inference_backends import OnnxEncoder
    from mmreidmix.apis.deploy.quantization import quantize
    from mmreidmix.apis.images import Preparation
    prepare = Preparation(OnnxEncoder(content).description['pipeline'])
    prepared = [prepare(picture) for picture in pictures]
    small = quantize(content, prepared)
    rows = OnnxEncoder(small)(prepared)
    write_file(args.int8, small)
    cosine = (rows * inferencer(pictures)).sum(1)
    print(f'in 8 bits: cosine to PyTorch {cosine.mean():.4f} on average, '
          f'{cosine.min():.4f} at least')


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and say how large it is."""
    replace_file(path, lambda stream: stream.write(content))
    print(f'{path}: {len(content) / 2**20:.1f} MiB')


def main(args=None) -> int:
    """Run; returns the exit status."""
    return run_tool(export, parse_args(args), 'export_model')


if __name__ == '__main__':
    run_main(main)
