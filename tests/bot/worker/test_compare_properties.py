"""`parley model compare` computes as the openvino backend does."""

import pytest

from bot.worker.backends.openvino import arithmetic
from bot.worker.compare import _properties


@pytest.mark.parametrize(
    ("low_bit", "properties"),
    [
        ("fp32", arithmetic.EXACT),
        ("fp16", arithmetic.EXACT),
        ("bf16", {}),
        ("sym_int8", {"INFERENCE_PRECISION_HINT": "f32"}),
        ("sym_int4", {"INFERENCE_PRECISION_HINT": "f32"}),
    ],
)
def test_with_amx_bf16_stays_as_openvino_has_it(
    monkeypatch: pytest.MonkeyPatch, low_bit: str, properties: dict[str, str]
) -> None:
    monkeypatch.setattr(arithmetic, "processor_features", lambda: ("amx_int8", "amx_bf16"))
    assert _properties(low_bit) == properties
