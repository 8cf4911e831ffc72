"""The number formats in which OpenVINO computes."""

import pytest

from bot.worker.backends.openvino import arithmetic

ZEN4 = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")


@pytest.mark.parametrize("features", [(), ("avx2",), ("avx2", "avx_vnni"), ZEN4])
def test_quantized_weights_are_computed_as_openvino_does_by_itself(
    features: tuple[str, ...],
) -> None:
    assert arithmetic.quantized(features) == {}


def test_with_amx_no_weights_are_turned_into_bfloat16() -> None:
    given = (*ZEN4, "amx_int8", "amx_bf16")
    assert arithmetic.quantized(given) == {"INFERENCE_PRECISION_HINT": "f32"}


def test_the_features_are_those_of_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in (None, (), ("amx_int8", "amx_bf16")):
        monkeypatch.setattr(arithmetic, "processor_features", lambda found=found: found)
        expected = {"INFERENCE_PRECISION_HINT": "f32"} if found else {}
        assert arithmetic.quantized() == expected
