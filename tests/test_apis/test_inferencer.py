"""Tests of mmreidmix.apis.inferencer and what it loads."""

import pickle

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from PIL import Image

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy import inference_backends
from mmreidmix.apis.images import as_bgr, list_images
from mmreidmix.apis.trained_model import load_trained_model
from mmreidmix.datasets import RetrievalDataset
from mmreidmix.datasets.transforms import ImageReadError
from mmreidmix.engine.labelling.feature_extraction import extract_embeddings
from tests.test_apis.conftest import THRESHOLDS
from tests.tiny import tiny_config
from tests.tiny_checkpoint import write_checkpoint


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ReIDInferencer(checkpoint, batch_size=5)


def test_embeddings_are_those_of_a_test(inferencer, checkpoint, toy):
    cfg = tiny_config(toy)
    dataset = RetrievalDataset(**{
        key: value for key, value in cfg.test_dataloader.dataset.items()
        if key != 'type'})
    model = load_trained_model(checkpoint).model
    expected = extract_embeddings(model, dataset, bf16=False).numpy()
    paths = [dataset.get_data_info(i)['img_path']
             for i in range(len(dataset))]
    np.testing.assert_allclose(inferencer(paths), expected, atol=1e-5)
    assert inferencer.sha256 == load_trained_model(checkpoint).sha256


def test_kinds_of_pictures(inferencer, pictures):
    from PIL import Image
    path = pictures[0]
    expected = inferencer(str(path))
    assert expected.shape == (1, 128) and expected.dtype == np.float32
    array = cv2.imread(str(path))[..., ::-1]
    for image in (path, array, [array], array[None], [path],
                  Image.fromarray(np.ascontiguousarray(array))):
        np.testing.assert_array_equal(inferencer(image), expected)
    grey = array[..., 1]
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(
            inferencer(image), inferencer(np.stack([grey] * 3, -1)))
    red, green, blue = array.transpose(2, 0, 1)
    assert np.abs(inferencer(np.stack([blue, green, red], -1))
                  - expected).max() > 1e-3


def test_order_and_length_do_not_depend_on_the_batch(checkpoint, pictures):
    one = ReIDInferencer(checkpoint, batch_size=1)(pictures)
    many = ReIDInferencer(checkpoint, batch_size=50)(pictures)
    np.testing.assert_allclose(one, many, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize('image, message', [
    (np.zeros((4, 4, 4), np.uint8), r'shape \(4, 4, 4\)'),
    (np.zeros((0, 4, 3), np.uint8), r'shape \(0, 4, 3\)'),
    (np.zeros((4, 4, 2), np.uint8), r'shape \(4, 4, 2\)'),
    (np.zeros((3, 8, 4), np.uint8), r'shape \(3, 8, 4\)'),
    (np.zeros((4, 4, 3)), 'of float64'),
    (np.full((4, 4, 3), np.nan, 'f4'), 'of float32'),
    (np.zeros((4, 4, 3), 'f2'), 'of float16'),
    (np.zeros((4, 4, 3), 'u2'), 'of uint16'),
    ([], 'no image to embed'),
    (np.zeros((0, 4, 4, 3), np.uint8), 'no image to embed'),
])
def test_what_is_no_picture(inferencer, image, message):
    with pytest.raises(ValueError, match=message):
        inferencer(image)


@pytest.mark.parametrize('change', [
    np.asfortranarray, lambda image: image[::-1].copy()[::-1],
    lambda image: np.pad(image, [(0, 0), (0, 9), (0, 0)])[:, :-9]])
def test_arrays_of_any_strides(inferencer, pictures, change):
    array = np.ascontiguousarray(as_bgr(pictures[0])[..., ::-1])
    other = change(array)
    assert other.strides != array.strides
    np.testing.assert_array_equal(inferencer(other), inferencer(array))


def test_transparency_is_dropped(inferencer, pictures, tmp_path):
    """Of a file and of a PIL image."""
    picture = Image.open(pictures[0])
    clear = picture.copy()
    clear.putalpha(30)
    clear.save(tmp_path / 'clear.png')
    for image in (clear, tmp_path / 'clear.png'):
        np.testing.assert_array_equal(inferencer(image), inferencer(picture))


def test_folder(inferencer, pictures, tmp_path, log):
    for number, path in enumerate(pictures[:4]):
        target = tmp_path / 'in' / f'{"ba"[number % 2]}' / f'{number}.jpg'
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / 'in' / 'notes.txt').write_text('x')
    (tmp_path / 'in' / '.hidden.jpg').write_text('x')
    names, rows = inferencer.folder(tmp_path / 'in')
    assert names == ['a/1.jpg', 'a/3.jpg', 'b/0.jpg', 'b/2.jpg']
    np.testing.assert_array_equal(rows, inferencer(tmp_path / 'in'))
    np.testing.assert_allclose(rows[2], inferencer(pictures[0])[0], atol=1e-5)

    (tmp_path / 'in' / 'a' / '2.jpg').write_bytes(b'')
    with pytest.raises(ImageReadError, match=r'2\.jpg: the file is empty'):
        inferencer.folder(tmp_path / 'in')
    again, fewer = inferencer.folder(tmp_path / 'in', skip_damaged=True)
    assert again == names
    np.testing.assert_allclose(fewer, rows, atol=1e-5)
    assert '1 of 5 images' in log.text and '2.jpg' in log.text


def test_what_is_left_out_of_a_folder_is_counted(pictures, tmp_path, log):
    outside = tmp_path / 'elsewhere'
    root = tmp_path / 'in'
    for place in (root / 'a', outside, root / '.cache', root / '@eaDir'):
        place.mkdir(parents=True)
        (place / '1.jpg').write_bytes(pictures[0].read_bytes())
    for name in ('2.heic', '3.HEIC', '4.txt', '.5.jpg'):
        (root / name).write_bytes(b'x')
    (root / 'link').symlink_to(outside)
    assert list_images(root) == ['a/1.jpg', 'link/1.jpg']
    assert ('2 images; left out: hidden files and folders: 2; files that are '
            "no images by their names: 3, e.g. '2.heic', '3.HEIC', '4.txt'"
            ) in log.text


def test_folders_that_are_none(inferencer, tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder'):
        list_images(tmp_path / 'x')
    with pytest.raises(FileNotFoundError, match='no image below'):
        inferencer.folder(tmp_path)
    (tmp_path / 'a.jpg').write_bytes(b'')
    with pytest.raises(ImageReadError, match='all of 1 images'):
        inferencer.folder(tmp_path, skip_damaged=True)


@pytest.mark.parametrize('device', ['cuda:99', 'gpu'])
def test_a_device_that_is_not_there(checkpoint, device):
    with pytest.raises(ValueError, match=(
            f"device must be one that PyTorch .* GPUs .*, got '{device}'")):
        ReIDInferencer(checkpoint, device=device)


def test_no_tracklet(inferencer):
    with pytest.raises(ValueError, match='there is no tracklet'):
        inferencer.tracklets([])


def test_tracklets_are_means(inferencer, pictures):
    rows = inferencer(pictures[:5])
    found = inferencer.tracklets([pictures[:3], pictures[3], pictures[3:5]])
    for row, part in zip(found, (rows[:3], rows[3:4], rows[3:5])):
        mean = part.mean(0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean),
                                   atol=1e-5)
    with pytest.raises(ValueError, match='no image'):
        inferencer.tracklets([pictures[:2], []])


def test_same_or_not(inferencer, pictures):
    same = inferencer.compare(pictures[0], pictures[0])
    assert same.same and same.certain and same.score == pytest.approx(1)
    assert (same.fmr, same.threshold, same.strictest_fmr) == (.01, .5, .001)
    assert inferencer.compare(pictures[0], pictures[0], 0.001).fmr == .001
    with pytest.raises(ValueError, match=r'\[0.001, 0.01\], not for 0.5'):
        inferencer.compare(pictures[0], pictures[1], 0.5)


def test_facts_travel_with_the_checkpoint(inferencer):
    assert inferencer.thresholds == THRESHOLDS
    assert inferencer.facts['epoch'] == 3 and inferencer.facts['seed'] == 7
    assert inferencer.facts['sources'] == [
        'toy-synthetic (labelled)', 'toy-real_a (unlabelled)']


def test_config_with_weights(toy, checkpoint, pictures, tmp_path, inferencer):
    config = tmp_path / 'config.py'
    tiny_config(toy).dump(config)
    found = ReIDInferencer(config, checkpoint)
    np.testing.assert_allclose(
        found(pictures), inferencer(pictures), atol=1e-5)
    with pytest.raises(ValueError, match='config file: give its checkpoint'):
        ReIDInferencer(config)
    with pytest.raises(ValueError, match='belongs to a config file'):
        ReIDInferencer(checkpoint, checkpoint)


def test_bfloat16_is_near(checkpoint, pictures, inferencer):
    half = ReIDInferencer(checkpoint, amp=True)(pictures)
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)
    assert 0 < np.abs(half - inferencer(pictures)).max() < 0.05


@pytest.mark.parametrize('amp, fast, expected', [
    (None, True, 'bf16'), (None, False, 'fp32'), (False, True, 'fp32'),
    (True, False, 'bf16'),
])
def test_number_format(monkeypatch, checkpoint, amp, fast, expected):
    monkeypatch.setattr(
        inference_backends, 'bfloat16_is_fast', lambda device: fast)
    found = ReIDInferencer(checkpoint, amp=amp)
    assert found.precision == expected
    seen = []
    found.encoder.model.backbone.conv1.register_forward_hook(
        lambda layer, inputs, output: seen.append(output.dtype))
    found(np.zeros((8, 4, 3), np.uint8))
    assert seen == [dict(bf16=torch.bfloat16, fp32=torch.float32)[expected]]


# Files that are none


def test_missing_files(tmp_path):
    for name in ('x.pth', 'x.onnx', 'x.py'):
        with pytest.raises(FileNotFoundError, match='no file'):
            ReIDInferencer(tmp_path / name)


@pytest.mark.parametrize('options, message', [
    (dict(backend='tensorrt'), 'backend must be one of'),
    (dict(batch_size=0), 'batch_size must be an integer of at'),
    (dict(backend='onnxruntime', amp=True), 'for the backend torch'),
    (dict(weights='x.pth'), 'belongs to a config file'),
])
def test_options_out_of_range(checkpoint, options, message):
    with pytest.raises(ValueError, match=message):
        ReIDInferencer(checkpoint, **options)


def test_an_exported_model_takes_no_weights(checkpoint):
    with pytest.raises(ValueError, match='x.onnx, which has its own'):
        ReIDInferencer('x.onnx', weights=checkpoint)


def test_config_without_model(checkpoint, tmp_path):
    path = tmp_path / 'x.py'
    path.write_text('a = 1\n')
    with pytest.raises(ValueError, match='the config has no `model`'):
        ReIDInferencer(path, checkpoint)


def test_compiled_model(checkpoint, pictures, inferencer):
    found = ReIDInferencer(checkpoint, compile=True)(pictures[:3])
    np.testing.assert_allclose(found, inferencer(pictures[:3]), atol=1e-5)


def test_orientation_of_a_photograph(inferencer, pictures, tmp_path):
    """A path, a PIL image and the turned picture are the same."""
    picture, tags = Image.open(pictures[0]), Image.Exif()
    tags[0x0112] = 6  # to be turned by 90 degrees, as phones write it
    path = tmp_path / 'x.png'
    picture.save(path, exif=tags)
    turned = np.asarray(picture.transpose(Image.Transpose.ROTATE_270))
    for image in (path, Image.open(path)):
        np.testing.assert_array_equal(inferencer(image), inferencer(turned))


def test_other_contents(checkpoint, tmp_path):
    path = tmp_path / 'x.pth'
    path.write_bytes(b'no checkpoint')
    with pytest.raises(ValueError, match='x.pth can not be read'):
        ReIDInferencer(path)
    torch.save([1], path)
    with pytest.raises(ValueError, match='holds a list'):
        ReIDInferencer(path)
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content['state_dict'], path)
    with pytest.raises(ValueError, match='does not carry its config'):
        ReIDInferencer(path)
    content['state_dict'].pop('backbone.conv1.weight')
    torch.save(content, path)
    with pytest.raises(ValueError, match='does not fit the model: 1 tensors'):
        ReIDInferencer(path)


class Malice:

    def __reduce__(self):
        return (print, ('run',))


def test_foreign_objects_do_not_run(tmp_path, capsys):
    path = tmp_path / 'x.pth'
    torch.save(dict(state_dict={}, meta=Malice()), path)
    with pytest.raises(ValueError, match='tensors and plain values'):
        ReIDInferencer(path)
    path.write_bytes(pickle.dumps(Malice()))
    with pytest.raises(ValueError, match='tensors and plain values'):
        ReIDInferencer(path)
    assert 'run' not in capsys.readouterr().out


class Globals:
    """Reaches for the globals of a function of MMEngine, to write to them."""

    def __reduce__(self):
        return getattr, (HistoryBuffer.__init__, '__globals__')


def test_getattr_of_a_file_reaches_histories_alone(tmp_path):
    path = tmp_path / 'x.pth'
    torch.save(dict(state_dict={}, meta=Globals()), path)
    with pytest.raises(ValueError, match='tensors and plain values'):
        ReIDInferencer(path)
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    torch.save(history, path)
    assert torch.load(path, weights_only=True).mean() == 2


def test_config_of_a_checkpoint_names_no_foreign_code(toy, tmp_path):
    cfg = tiny_config(toy)
    path = write_checkpoint(tmp_path / 'x.pth', cfg)
    content = torch.load(path, weights_only=True)
    for old in ("type='BNNeck'", "type='Resize'"):
        text = content['meta']['cfg']
        assert old in text
        changed = dict(content['meta'], cfg=text.replace(
            old, "type='os.system'"))
        torch.save(dict(content, meta=changed), path)
        with pytest.raises(ValueError, match="names 'os.system'"):
            ReIDInferencer(path)


def test_weights_that_a_training_began_with_are_not_needed(toy, tmp_path):
    cfg = tiny_config(toy)
    path = tmp_path / 'x.pth'
    write_checkpoint(path, cfg)
    content = torch.load(path, weights_only=True)
    cfg.model.init_cfg = dict(type='Pretrained', checkpoint='gone.pth')
    content['meta']['cfg'] = cfg.pretty_text
    torch.save(content, path)
    assert ReIDInferencer(path)(np.zeros((8, 4, 3), np.uint8)).shape[0] == 1


def test_bgr_is_what_opencv_reads(pictures):
    array = cv2.imread(str(pictures[0]))
    np.testing.assert_array_equal(as_bgr(array[..., ::-1]), array)
    np.testing.assert_array_equal(as_bgr(pictures[0]), array)
    np.testing.assert_array_equal(as_bgr(array, 'bgr'), array)
    picture = Image.open(pictures[0])
    np.testing.assert_array_equal(as_bgr(picture, 'bgr'), array)


def test_channel_order_of_arrays(checkpoint, pictures):
    array = cv2.imread(str(pictures[0]))
    expected = ReIDInferencer(checkpoint)(pictures[0])
    found = ReIDInferencer(checkpoint, channel_order='bgr')
    np.testing.assert_array_equal(found(array), expected)
    np.testing.assert_array_equal(found(pictures[0]), expected)
    with pytest.raises(ValueError, match="channel_order must be one of 'rgb'"):
        ReIDInferencer(checkpoint, channel_order='BGR')


def test_a_tensor_is_an_image_or_a_batch_as_an_array_is(
        inferencer, pictures):
    array = cv2.imread(str(pictures[0]))[..., ::-1].copy()
    image = torch.from_numpy(array)
    expected = inferencer(array)
    np.testing.assert_array_equal(inferencer(image), expected)
    np.testing.assert_allclose(
        inferencer(image[None]), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r'got shape \(3, .* of float32'):
        inferencer(image.permute(2, 0, 1).float())


@pytest.mark.parametrize('colour', [False, True])
def test_sixteen_bits_are_read_as_from_the_file(tmp_path, colour):
    path, rng = str(tmp_path / 'deep.png'), np.random.default_rng(0)
    cv2.imwrite(path, rng.integers(
        0, 65536, (9, 7, 3) if colour else (9, 7), dtype=np.uint16))
    found = as_bgr(Image.open(path))
    np.testing.assert_array_equal(found, as_bgr(path))
    assert 100 < found.mean() < 150


@pytest.mark.parametrize('mode', ['I', 'F'])
def test_pictures_of_no_fixed_white_are_refused(mode):
    with pytest.raises(ValueError, match=f"mode '{mode}' .* convert it to"):
        as_bgr(Image.new(mode, (4, 8)))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused(checkpoint, tmp_path, value):
    content = torch.load(checkpoint, weights_only=True)
    name = [*content['state_dict']][3]
    content['state_dict'][name].view(-1)[0] = value
    torch.save(content, tmp_path / 'epoch_9.pth')
    with pytest.raises(ValueError, match=(
            'epoch_9.pth is of a training that has diverged: 1 tensors hold '
            f"NaN or infinity: '{name}'. Use an earlier")):
        ReIDInferencer(tmp_path / 'epoch_9.pth')
