"""Which quantization ipex-llm runs on which device, checked before anything is loaded."""

import pytest

from bot.worker.backends.ipex.low_bit import (
    ENVIRONMENT,
    LOW_BITS,
    choose_low_bit,
    set_environment,
)
from bot.worker.protocol import LoadError

SEVEN_BILLION = 6_738_000_000


@pytest.mark.parametrize("low_bit", LOW_BITS)
def test_a_gpu_runs_every_type(low_bit: str) -> None:
    assert choose_low_bit(low_bit, "xpu:1", SEVEN_BILLION) == low_bit


@pytest.mark.parametrize("low_bit", ["nf4", "fp4", "fp8", "fp16", "mixed_fp4", "mixed_fp8"])
def test_a_type_for_gpus_is_refused_on_a_cpu_with_those_that_it_has(low_bit: str) -> None:
    with pytest.raises(LoadError, match=f'"{low_bit}" runs on a GPU only.*"sym_int4".*"bf16"'):
        choose_low_bit(low_bit, "cpu", SEVEN_BILLION)


@pytest.mark.parametrize("device", ["cpu", "xpu"])
def test_a_type_that_ipex_lacks_is_refused(device: str) -> None:
    with pytest.raises(LoadError, match='"fp32" is not for backend = "ipex"'):
        choose_low_bit("fp32", device, SEVEN_BILLION)


def test_auto_is_four_bits_and_eight_for_small_models() -> None:
    assert choose_low_bit("auto", "xpu", SEVEN_BILLION) == "sym_int4"
    assert choose_low_bit("auto", "cpu", None) == "sym_int4"
    assert choose_low_bit("auto", "cpu", 11_000_000) == "sym_int8"


def test_the_owners_environment_wins() -> None:
    environment = {"SYCL_CACHE_PERSISTENT": "0"}
    set_environment(environment)
    assert environment == ENVIRONMENT | {"SYCL_CACHE_PERSISTENT": "0"}
