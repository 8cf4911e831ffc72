"""Quantization with torch: 8 bits on a CPU; what only GPUs run is tested where there is one."""

from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.device import choose_precision
from bot.worker.backends.torch.low_bit import check_layer, quantize
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request
from tests.tiny_model import write_tiny_model


@pytest.mark.parametrize("device", ["xpu", "xpu:1", "cuda"])
@pytest.mark.parametrize("low_bit", ["sym_int4", "sym_int8"])
def test_gpus_keep_weights_of_4_and_8_bits_and_compute_with_16(device: str, low_bit: str) -> None:
    precision = choose_precision(device, low_bit, "float16")
    assert (precision.low_bit, precision.computed) == (low_bit, "bfloat16")


def test_a_cpu_has_no_kernels_for_4_bits_and_says_what_it_has() -> None:
    with pytest.raises(LoadError, match='"sym_int4" is not for .* on cpu, .*"bf16".*"sym_int8"'):
        choose_precision("cpu", "sym_int4", "float16")


@pytest.mark.parametrize("factor", [0.5, -1.0, float("nan")])
def test_a_kernel_that_computes_something_else_is_found_out(factor: float) -> None:
    torch: Any = pytest.importorskip("torch")
    layer = torch.nn.Linear(64, 32, bias=False)
    before = layer.weight.detach().clone()
    check_layer(torch, layer, before, "sym_int8", "cpu")
    with torch.no_grad():
        layer.weight *= factor
    with pytest.raises(LoadError, match="gives wrong results .* a batch of 1[)]"):
        check_layer(torch, layer, before, "sym_int8", "cpu")


def test_a_kernel_that_is_wrong_for_larger_batches_only_is_found_out() -> None:
    torch: Any = pytest.importorskip("torch")

    class Wrong(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, rows: Any) -> Any:
            return super().forward(rows) * (1 if len(rows) == 1 else 3)

    layer = Wrong(64, 32, bias=False)
    with pytest.raises(LoadError, match="a batch of 8"):
        check_layer(torch, layer, layer.weight.detach().clone(), "sym_int4", "cpu")


@pytest.mark.filterwarnings("ignore")  # torchao warns of what it was built without
def test_a_model_of_8_bits_answers_nearly_as_one_of_16(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("torchao")
    folder = write_tiny_model(tmp_path / "tiny")

    def first_tokens(low_bit: str) -> tuple[str, list[int]]:
        options = LoadOptions("torch", str(folder), "cpu", low_bit, context=512, max_parallel=2)
        bench = Bench(TorchBackend(), options)
        return bench.facts.low_bit, bench.answer(request(1, max_new_tokens=4))

    assert first_tokens("sym_int8") == ("sym_int8", first_tokens("bf16")[1])


@pytest.mark.filterwarnings("ignore")
def test_what_torchao_cannot_do_on_a_device_is_refused_with_its_reason() -> None:
    torch: Any = pytest.importorskip("torch")
    pytest.importorskip("torchao")
    transformers: Any = pytest.importorskip("transformers", minversion="5")
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    with pytest.raises(LoadError, match='low_bit = "sym_int4": torchao cannot do that on cpu'):
        quantize(torch, model, "sym_int4", "cpu")
