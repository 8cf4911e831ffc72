"""How far quantized weights are from the originals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.worker.conversion.weight_error import decode, relative_error, weight_error
from bot.worker.conversion.weight_formats import (
    ASYM_INT4,
    BF16,
    F16,
    F32,
    FORMATS,
    INT8,
    SYM_INT4,
    WeightFormat,
)
from tests.tiny_model import TinyLlama, write_tiny_model


def gaussian(outliers: int = 0, seed: int = 0) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """A matrix of normal numbers; `outliers` of its columns are fifty times as large, as in the
    layers of large models."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((64, 512)).astype(np.float32)
    columns = random.choice(512, outliers, replace=False)
    values[:, columns] *= 50
    return values


@pytest.mark.parametrize("form", [F32, F16, BF16], ids=["f32", "f16", "bf16"])
def test_floats_decode_to_themselves(form: WeightFormat) -> None:
    values = np.array([[0.5, -2.0, 0.25, 1.0], [3.0, 0.0, -0.125, 7.0]], np.float32)
    np.testing.assert_array_equal(decode(form.encode(values), (2, 4)), values)


@pytest.mark.parametrize("form", [INT8, SYM_INT4, ASYM_INT4], ids=["int8", "sym", "asym"])
def test_numbers_on_the_grid_decode_to_themselves(form: WeightFormat) -> None:
    grid = np.tile(np.arange(-8, 8, dtype=np.float32), (2, 4))
    if form is INT8:
        grid = (grid * 127 / 8).astype(np.float32)  # the largest magnitude is 127 steps
    np.testing.assert_allclose(decode(form.encode(grid), grid.shape), grid, atol=0.5)
    if form is not INT8:
        assert relative_error(form, grid) == 0


def test_more_bits_lose_less() -> None:
    values = gaussian()
    errors = [relative_error(form, values) for form in (F32, BF16, INT8, ASYM_INT4)]
    assert errors[0] == 0
    assert errors == sorted(errors)
    assert errors[-1] < 0.12


@pytest.mark.parametrize("form", [SYM_INT4, ASYM_INT4], ids=["sym", "asym"])
def test_an_outlier_costs_only_its_own_group(form: WeightFormat) -> None:
    values = gaussian()
    spoiled = values.copy()
    spoiled[:, 3] *= 50
    before = decode(form.encode(values), values.shape)
    after = decode(form.encode(spoiled), values.shape)
    np.testing.assert_array_equal(after[:, 64:], before[:, 64:])
    assert (
        np.square(after[:, 4:64] - values[:, 4:64]).mean()
        > 10 * np.square(before[:, 4:64] - values[:, 4:64]).mean()
    )


def test_outliers_cost_a_scale_for_each_row_more_than_a_scale_for_each_group() -> None:
    values = gaussian(outliers=2)
    ordinary = np.abs(values).max(axis=0) < 50
    whole_row = decode(INT8.encode(values), values.shape)[:, ordinary]
    plain = decode(INT8.encode(gaussian()), values.shape)[:, ordinary]
    lost = np.square(whole_row - values[:, ordinary]).mean()
    assert lost > 100 * np.square(plain - values[:, ordinary]).mean()


def test_the_error_of_a_model_is_that_of_all_its_matrices(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    tensors = {name: t for name, t in TinyLlama().tensors().items() if t.ndim == 2}
    for low_bit in ("sym_int8", "sym_int4"):
        layers, ends = FORMATS[low_bit]
        errors, norms, worst = 0.0, 0.0, ("", 0.0)
        for name, tensor in tensors.items():
            stored = tensor.astype(np.float16)
            form = ends if name.endswith(("embed_tokens.weight", "lm_head.weight")) else layers
            lost = decode(form.encode(stored), stored.shape).astype(np.float64) - stored
            relative = float(np.linalg.norm(lost) / np.linalg.norm(stored.astype(np.float64)))
            worst = max(worst, (name, relative), key=lambda pair: pair[1])
            errors += float(np.square(lost).sum())
            norms += float(np.square(stored.astype(np.float64)).sum())
        found = weight_error(tmp_path, low_bit)
        assert found.total == pytest.approx((errors / norms) ** 0.5, rel=1e-6)
        assert found.worst_name == worst[0]
        assert found.worst == pytest.approx(worst[1], rel=1e-6)
