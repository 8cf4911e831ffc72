"""Devices and precision are chosen without a torch at hand."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.worker.backends.torch.device import (
    choose_device,
    choose_precision,
    contexts_that_fit,
    device_title,
)
from bot.worker.protocol import LoadError


def torch_with(**devices: int) -> Any:
    """A torch that sees so many devices of each kind; without xpu, as older ones are."""

    def module(kind: str, count: int) -> Any:
        return SimpleNamespace(
            is_available=lambda: count > 0,
            device_count=lambda: count,
            get_device_name=lambda device: f"the {kind} card",
        )

    return SimpleNamespace(**{kind: module(kind, count) for kind, count in devices.items()})


@pytest.mark.parametrize(
    ("devices", "wanted", "chosen"),
    [
        ({}, "auto", "cpu"),
        ({"cuda": 0}, "auto", "cpu"),
        ({"cuda": 1, "xpu": 1}, "auto", "xpu"),
        ({"cuda": 2}, "auto", "cuda"),
        ({"cuda": 2}, "cuda:1", "cuda:1"),
        ({"xpu": 1}, "cpu", "cpu"),
    ],
)
def test_the_device_that_is_meant_is_taken(
    devices: dict[str, int], wanted: str, chosen: str
) -> None:
    assert choose_device(torch_with(**devices), wanted) == chosen


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("xpu", "https://download.pytorch.org/whl/xpu"),
        ("cuda:3", '"cuda", "cuda:0", "cpu"'),
        ("gpu", 'a device of backend = "openvino"'),
    ],
)
def test_a_device_that_is_not_there_is_refused(wanted: str, said: str) -> None:
    with pytest.raises(LoadError) as caught:
        choose_device(torch_with(cuda=1), wanted)
    assert said in str(caught.value)


def test_a_gpu_is_named_for_people() -> None:
    assert device_title(torch_with(xpu=1), "xpu") == "xpu (the xpu card)"
    assert device_title(torch_with(), "cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "low_bit", "own", "stored", "computed"),
    [
        ("cpu", "auto", "float16", "float32", "float32"),
        ("cpu", "fp16", "bfloat16", "float16", "float32"),
        ("cpu", "bf16", "float32", "bfloat16", "bfloat16"),
        ("xpu", "auto", "bfloat16", "bfloat16", "bfloat16"),
        ("xpu", "auto", "float32", "float16", "float16"),
        ("cuda:1", "fp32", "float16", "float32", "float32"),
        ("cuda", "fp16", "float32", "float16", "float16"),
    ],
)
def test_the_precision_follows_device_and_setting(
    device: str, low_bit: str, own: str, stored: str, computed: str
) -> None:
    precision = choose_precision(device, low_bit, own)
    assert (precision.stored, precision.computed) == (stored, computed)


def test_bits_without_kernels_are_refused_with_the_alternatives() -> None:
    with pytest.raises(LoadError, match='"asym_int4" is not for backend = "torch".*"openvino"'):
        choose_precision("xpu", "asym_int4", "float16")


def test_as_many_contexts_as_fit_are_allocated() -> None:
    assert contexts_that_fit(None, 1000, 4096, 8, "xpu") == 8
    assert contexts_that_fit(100_000_000, 1000, 4096, 8, "xpu") == 8
    assert contexts_that_fit(13_000_000, 1000, 4096, 8, "xpu") == 2
    with pytest.raises(LoadError, match=r"leaves 0\.0 GB free on xpu"):
        contexts_that_fit(5_000_000, 1000, 4096, 8, "xpu")
