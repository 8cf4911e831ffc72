"""What a token takes in torch's KV cache is estimated as the backend allocates it."""

from pathlib import Path

import pytest

from bot.config import ModelSettings
from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.conversion.architectures import read_config
from bot.worker.protocol import LoadOptions
from parley.doctor.interpreter import Device
from parley.doctor.model import needed
from tests.bot.worker.backends.backend_bench import Bench
from tests.tiny_model import write_tiny_model

CPU = Device("cpu", "Xeon", None)
GPU = Device("xpu:0", "Arc", 12_000_000_000)


def token_bytes(folder: Path, low_bit: str, device: Device) -> float:
    section = ModelSettings.model_validate({"low_bit": low_bit})
    return needed(read_config(folder), section, "torch", device, 256).token


@pytest.mark.parametrize(
    ("device", "low_bit", "element"),
    [
        (CPU, "auto", 4),
        (CPU, "fp32", 4),
        (CPU, "fp16", 4),
        (CPU, "bf16", 2),
        (CPU, "sym_int8", 2),
        (GPU, "auto", 2),
        (GPU, "fp32", 4),
        (GPU, "fp16", 2),
        (GPU, "sym_int4", 2),
    ],
)
def test_the_cache_has_the_type_that_is_computed_in(
    tmp_path: Path, device: Device, low_bit: str, element: int
) -> None:
    folder = write_tiny_model(tmp_path)
    assert token_bytes(folder, low_bit, device) == read_config(folder).cache_bytes(element)


@pytest.mark.filterwarnings("ignore")  # torchao warns of what it was built without
@pytest.mark.parametrize("low_bit", ["auto", "fp32", "fp16", "bf16", "sym_int8"])
def test_on_a_cpu_the_estimate_is_what_is_allocated(tmp_path: Path, low_bit: str) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers", minversion="5")
    if low_bit == "sym_int8":
        pytest.importorskip("torchao")
    folder, backend = write_tiny_model(tmp_path), TorchBackend()
    Bench(backend, LoadOptions("torch", str(folder), "cpu", low_bit, context=256, max_parallel=1))
    assert backend._forward.cache.bytes_per_token == token_bytes(folder, low_bit, CPU)
