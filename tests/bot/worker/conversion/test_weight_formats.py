"""What is stored is what OpenVINO computes with, and as near to the weights as its bits allow."""

from typing import Any

import numpy as np
import pytest

from bot.worker.backends.openvino.library import import_openvino
from bot.worker.conversion.decoder_config import DecoderConfig
from bot.worker.conversion.weight_formats import (
    ASYM_INT4,
    BF16,
    F16,
    F32,
    INT8,
    SYM_INT4,
    WeightFormat,
    group_size,
    to_bf16,
)
from bot.worker.protocol import LoadError

ROWS, COLUMNS = 12, 96
WEIGHTS = np.random.default_rng(5).standard_normal((ROWS, COLUMNS)).astype(np.float32)
WEIGHTS[3] = 0.0
WEIGHTS[4] = np.abs(WEIGHTS[4]) + 1.0
CONFIG = DecoderConfig("llama", 0, 0, 1, 1, 2, 0, 1e-5, False, ())


def decoded(form: WeightFormat, weights: Any = WEIGHTS) -> Any:
    """What the graph makes of the stored weights, computed by OpenVINO."""
    ov = import_openvino()
    from bot.worker.conversion.decoder_graph import DecoderGraph

    parts = form.parts(*weights.shape)
    encoded = form.encode(weights)
    constants, alive = {}, []  # a constant shares memory and does not hold it
    for name, part in parts.items():
        data = np.frombuffer(encoded[name].tobytes(), np.uint8)
        alive.append(data)
        assert data.size == part.size
        kind = getattr(ov.Type, part.type)
        constants[name] = ov.op.Constant(ov.Tensor(data, ov.Shape(list(part.shape)), kind))
    graph = DecoderGraph(CONFIG, lambda name: constants)
    model = ov.Model([graph._matrix("any")], [], "weights")
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return ov.Core().compile_model(model, "CPU", hints)([])[0]


def test_floats_are_kept() -> None:
    np.testing.assert_array_equal(decoded(F32), WEIGHTS)
    np.testing.assert_array_equal(decoded(F16), WEIGHTS.astype(np.float16).astype(np.float32))
    np.testing.assert_allclose(decoded(BF16), WEIGHTS, rtol=2**-8)


def test_bfloat16_rounds_to_the_nearest_and_ties_to_even() -> None:
    given = np.array([1.0, 1.0 + 2**-9, 1.0 + 2**-8, 1.0 + 3 * 2**-8, -2.5], np.float32)
    back = (to_bf16(given).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(back, [1.0, 1.0, 1.0, 1.0 + 2**-6, -2.5])


@pytest.mark.parametrize(("form", "levels"), [(INT8, 254), (SYM_INT4, 15), (ASYM_INT4, 15)])
def test_no_weight_is_off_by_more_than_a_step(form: WeightFormat, levels: int) -> None:
    off = np.abs(decoded(form) - WEIGHTS)
    # A step is the range that a row (or a group of it) spans, over the number of levels; the
    # ends of a symmetric range and of a rounded zero point may be a whole step off.
    limit = 2 * np.abs(WEIGHTS).max(axis=1, keepdims=True) / levels * 1.01
    assert (off <= limit + 1e-6).all()


def test_a_zero_point_helps_weights_of_one_sign() -> None:
    one_sided = np.abs(np.random.default_rng(6).standard_normal((4, 64))).astype(np.float32)
    errors = [np.square(decoded(f, one_sided) - one_sided).mean() for f in (ASYM_INT4, SYM_INT4)]
    assert errors[0] < 0.5 * errors[1]


def test_rows_may_be_encoded_a_few_at_a_time() -> None:
    for form in (INT8, SYM_INT4, ASYM_INT4, F16):
        whole = form.encode(WEIGHTS)
        pieces = [form.encode(WEIGHTS[start : start + 4]) for start in range(0, ROWS, 4)]
        for name, data in whole.items():
            assert data.tobytes() == b"".join(piece[name].tobytes() for piece in pieces)


def test_a_weight_beyond_float16_is_refused_not_made_infinite() -> None:
    with pytest.raises(LoadError, match='low_bit = "bf16"'):
        F16.encode(np.array([[1e6]], np.float32))


def test_groups_divide_the_columns() -> None:
    assert [group_size(columns) for columns in (4096, 96, 48)] == [64, 32, 16]
    with pytest.raises(LoadError, match="a matrix with 30 columns"):
        group_size(30)
