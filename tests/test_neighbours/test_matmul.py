"""Products in one call or in tiles."""
import pytest
import torch

from mmreidmix.neighbours import matmul as products


@pytest.fixture(params=[False, True], ids=['tiles', 'wide'])
def wide(request, monkeypatch):
    """Both ways, whatever the processor likes."""
    monkeypatch.setattr(products, '_wide_is_fast', lambda: request.param)


@pytest.mark.parametrize('columns', [1, 512, 1300])
def test_all_products(wide, columns):
    generator = torch.Generator().manual_seed(columns)
    one = torch.randn(30, 16, generator=generator)
    other = torch.randn(columns, 16, generator=generator)
    expected = one.double() @ other.double().T
    torch.testing.assert_close(
        products.multiply(one, other).double(), expected, atol=1e-5, rtol=0)
    room = torch.full((30, columns + 5), 9.0)
    part = room[:, 2:-3]  # of another stride
    assert products.multiply(one, other, out=part) is part
    torch.testing.assert_close(part.double(), expected, atol=1e-5, rtol=0)
    assert (room[:, :2] == 9).all() and (room[:, -3:] == 9).all()


def test_full_precision_under_autocast(wide):
    one = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = products.multiply(one, one)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, one @ one.T)


@pytest.mark.parametrize('text, wide', [
    ('vendor_id\t: GenuineIntel', True), ('vendor_id\t: AuthenticAMD', False),
    (None, False)])
def test_the_processor_is_asked(monkeypatch, tmp_path, text, wide):
    file = tmp_path / 'cpuinfo'
    if text:
        file.write_text(text)
    monkeypatch.setattr(products, 'Path', lambda name: file)
    assert products._wide_is_fast.__wrapped__() is wide
