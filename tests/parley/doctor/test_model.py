"""Whether a model is present, can chat, and fits into memory."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from bot.checks import Result, State
from bot.config import ModelSettings, Settings, load
from bot.config_types import LowBit
from bot.models.folder import ModelFolder
from bot.worker.backends.openvino.device import Device as OpenVinoDevice
from bot.worker.backends.openvino.exporter import kind_of
from bot.worker.backends.openvino.memory import cache_size, fitted
from bot.worker.backends.openvino.model_facts import CacheShape
from bot.worker.backends.openvino.source import Source
from bot.worker.backends.torch.device import contexts_that_fit
from bot.worker.context import context_that_fits
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.model_cache import converted_name
from bot.worker.protocol import DoesNotFit, LoadOptions
from parley.doctor import model as model_checks
from parley.doctor.interpreter import Device
from parley.doctor.model import (
    check_low_bit,
    check_memory,
    check_model,
    check_reasoning,
    needed,
)
from tests.tiny_gguf import write_gguf
from tests.tiny_model import write_tiny_model

LLAMA_2_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}


def named(folder: Path, **model: object) -> Settings:
    file = folder / "config.toml"
    file.write_text("")
    environment = {f"PARLEY_MODEL__{key.upper()}": str(value) for key, value in model.items()}
    return load(file, {"PARLEY_MODEL__NAME": str(folder / "model"), **environment})


@pytest.fixture
def llama(tmp_path: Path) -> ModelFolder:
    """Llama 2 7B as far as its size goes."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_tiny_model(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | LLAMA_2_7B))
    return ModelFolder.read(folder)


def gpu(gigabytes: float) -> Device:
    return Device("GPU", "Arc", int(gigabytes * 1e9))


CPU = Device("CPU", "Xeon", None)
INT8 = {"kv_cache": "int8"}
THREE_OF_EIGHT = (
    "3 of 8 parallel answers fit with a full context; the others wait. For more, choose"
)


def fit(folder: ModelFolder, device: Device, library: str = "openvino", **model: object) -> Result:
    return check_memory(folder, ModelSettings(**model), library, device)  # type: ignore[arg-type]


def test_llama_2_takes_what_is_known_of_it(llama: ModelFolder) -> None:
    need = needed(read_config(llama.path), ModelSettings(), "openvino", gpu(12), 4096)
    assert need.weights == pytest.approx(3.7e9, rel=0.03), "4 bits, the ends 8"
    assert need.one_context == 4096 * 2 * 32 * 4096 * 2


@pytest.mark.parametrize(
    ("memory", "model", "state", "said"),
    [
        (24, {}, State.OK, "fits"),
        (12, {"context": 4096}, State.WARNING, f"{THREE_OF_EIGHT} a smaller [model] context."),
        (12, {"context": 1024}, State.OK, "fits"),
        (5, {"context": 4096}, State.FAILED, "a smaller [model] context"),
        (3, {}, State.FAILED, "a smaller model than"),
        (12, {"low_bit": "fp16"}, State.FAILED, 'low_bit = "sym_int4"'),
        (24, {"context": 9000}, State.FAILED, "[model] context to 4096 or less"),
    ],
)
def test_what_does_not_fit_says_what_would(
    llama: ModelFolder, memory: float, model: dict[str, Any], state: State, said: str
) -> None:
    max_parallel = 8 if memory != 24 else 4
    result = fit(llama, gpu(memory), max_parallel=max_parallel, **model)
    assert result.state is state, result
    assert said in f"{result.detail} {result.remedy}"


def trained_for(llama: ModelFolder, tokens: int) -> ModelFolder:
    """The model with another `ModelFolder.context`, in tokens."""
    file = llama.path / "config.json"
    config = json.loads(file.read_text()) | {"max_position_embeddings": tokens}
    file.write_text(json.dumps(config))
    return ModelFolder.read(llama.path)


@pytest.mark.parametrize(
    ("memory", "trained", "window"),
    [(24, 4096, 4096), (200, 4096, 4096), (200, 131_072, 8192)],
)
def test_with_plenty_of_memory_the_window_is_what_the_model_was_trained_for(
    llama: ModelFolder, memory: float, trained: int, window: int
) -> None:
    result = fit(trained_for(llama, trained), gpu(memory), max_parallel=4)
    assert (result.state, result.what) == (State.OK, f"context of {window} tokens")
    assert result.detail.startswith("fits: 3.")
    assert "at 32,768 tokens" in result.detail


def test_with_little_memory_the_window_is_a_smaller_one_and_no_failure(llama: ModelFolder) -> None:
    result = fit(llama, gpu(16))
    assert (result.state, result.what) == (State.OK, "context of 1280 tokens")
    assert result.detail.startswith(
        "fits: context = 0 means about 1280 tokens here, for more would take over 50% of the free "
        "memory; "
    )
    assert "and 0.7 GB of KV cache per answer" in result.detail
    assert "4.3 GB at 8,192 tokens and 17.2 GB at 32,768 tokens" in result.detail
    assert fit(llama, gpu(16), context=4096).what == "context of 4096 tokens", "set, not fitted"


def test_where_not_all_answers_have_the_least_window_a_smaller_one_is_no_remedy(
    llama: ModelFolder,
) -> None:
    result = fit(llama, gpu(5))
    assert (result.state, result.what) == (State.WARNING, "context of 1024 tokens")
    assert result.remedy == (
        "1 of 8 parallel answers fit with a full context; the others wait. For more, choose "
        '[model] low_bit = "sym_int4", or a smaller model than model.'
    )


@pytest.mark.parametrize(
    ("memory", "low_bit", "remedy"),
    [
        (4, "auto", 'Choose [model] low_bit = "sym_int4", or a smaller model than model.'),
        (4, "sym_int4", "Choose a smaller model than model."),
        (3, "sym_int4", "Choose a smaller model than model."),
    ],
)
def test_far_too_little_memory_is_a_failure_with_its_remedy(
    llama: ModelFolder, memory: float, low_bit: str, remedy: str
) -> None:
    result = fit(llama, gpu(memory), low_bit=low_bit)
    assert (result.state, result.what) == (State.FAILED, "context of 1024 tokens")
    assert result.detail.startswith("does not fit even with a window of 1024 tokens, the least: ")
    assert result.remedy == remedy


MEMORIES = (3, 4, 4.5, 4.6, 5, 8, 12, 16, 20, 24, 40)
"""Of GPUs, in GB, between far too little and plenty for Llama 2 7B."""


@pytest.mark.parametrize("memory", MEMORIES)
def test_openvino_starts_with_the_window_that_was_checked(
    llama: ModelFolder, memory: float
) -> None:
    need = needed(read_config(llama.path), ModelSettings(), "openvino", gpu(memory), 4096)
    device = OpenVinoDevice("GPU", "Arc", int(memory * 1e9))
    shape = CacheShape(((32, 128),) * 64)
    source = Source(llama.path, "m", "sym_int4", False, shape, int(need.weights))
    options = fitted(source, device, LoadOptions("openvino", context=4096, fit=True))
    result = fit(llama, gpu(memory))
    assert result.what == f"context of {options.context} tokens"
    try:
        blocks = cache_size(source, device, options).blocks
    except DoesNotFit:
        assert result.state is State.FAILED
    else:
        all_fit = blocks >= 8 * options.context // 16
        assert result.state is (State.OK if all_fit else State.WARNING)


@pytest.mark.parametrize("memory", [13, 13.5, 14, 14.2, 15, *MEMORIES])
def test_torch_starts_with_the_window_that_was_checked(llama: ModelFolder, memory: float) -> None:
    need = needed(read_config(llama.path), ModelSettings(), "torch", gpu(memory), 4096)
    token, free = int(need.token), int(memory * 1e9) - int(need.weights)
    context = context_that_fits(LoadOptions("torch", context=4096, fit=True), free, token)
    result = fit(llama, gpu(memory), "torch")
    assert result.what == f"context of {context} tokens"
    try:
        slots = contexts_that_fit(free, token, context, 8, "xpu:0")
    except DoesNotFit:
        assert result.state is State.FAILED
    else:
        assert result.state is (State.OK if slots == 8 else State.WARNING)


def test_graphics_that_share_the_machines_memory_have_what_is_free(
    llama: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_checks, "available_memory", lambda: 3_000_000_000)
    card, shared = gpu(24), replace(gpu(24), shared=True)
    assert fit(llama, card).state is not State.FAILED
    assert "of 3.0 GB on GPU" in fit(llama, shared).detail
    assert fit(llama, shared).state is State.FAILED
    monkeypatch.setattr(model_checks, "available_memory", lambda: None)
    assert "of 24.0 GB on GPU" in fit(llama, shared).detail


def test_a_kv_cache_of_8_bits_takes_half_of_a_gpus_memory(llama: ModelFolder) -> None:
    config, small = read_config(llama.path), ModelSettings.model_validate({"openvino": INT8})
    usual = needed(config, ModelSettings(), "openvino", gpu(12), 4096).one_context
    assert needed(config, small, "openvino", gpu(12), 4096).one_context < 0.54 * usual
    assert needed(config, small, "torch", gpu(12), 4096).one_context == usual


def test_a_cpu_keeps_more_with_torch(llama: ModelFolder) -> None:
    cpu, config = Device("CPU", "", None), read_config(llama.path)
    openvino = needed(config, ModelSettings(), "openvino", cpu, 4096)
    torch = needed(config, ModelSettings(), "torch", cpu, 4096)
    ipex = needed(config, ModelSettings(), "ipex", cpu, 4096)
    assert ipex.weights == openvino.weights, "4 bits"
    assert ipex.one_context == torch.one_context
    assert torch.weights > 7 * openvino.weights
    assert torch.one_context > 3 * openvino.one_context


@pytest.mark.parametrize("low_bit", get_args(LowBit))
def test_every_weight_format_has_a_size(llama: ModelFolder, low_bit: str) -> None:
    config, section = read_config(llama.path), ModelSettings.model_validate({"low_bit": low_bit})
    weights = needed(config, section, "openvino", gpu(12), 4096).weights
    assert 3e9 < weights <= 4 * config.parameters


@pytest.mark.parametrize(
    ("library", "device", "low_bit", "refused"),
    [
        ("openvino", "GPU", "sym_int4", ""),
        ("openvino", "GPU", "nf4", 'not for backend = "openvino"'),
        ("torch", "xpu:0", "sym_int4", ""),
        ("torch", "cpu", "sym_int4", 'not for backend = "torch" on cpu'),
        ("ipex", "xpu:0", "fp8", ""),
        ("ipex", "cpu", "fp8", "runs on a GPU only"),
        ("ipex", "cpu", "fp32", 'not for backend = "ipex"'),
    ],
)
def test_weights_that_a_back_end_has_not_are_found_before_it_loads(
    llama: ModelFolder, library: str, device: str, low_bit: str, refused: str
) -> None:
    section = ModelSettings.model_validate({"low_bit": low_bit})
    result = check_low_bit(llama, section, library, Device(device, "", None))
    assert (result is not None) is bool(refused)
    if result is not None:
        assert result.state is State.FAILED
        assert refused in result.detail
        assert "sym_int" in result.detail + result.remedy, "it names what there is"


def test_a_folder_is_refused_for_llama_cpp_and_a_gguf_file_is_not(llama: ModelFolder) -> None:
    on, section = Device("CPU", "", None), ModelSettings(backend="llamacpp")
    refused = check_low_bit(llama, section, "llamacpp", on)
    assert refused is not None
    assert "is no GGUF file" in refused.detail
    assert refused.remedy == 'Set [model] backend = "auto", or name a .gguf file'
    assert check_low_bit(replace(llama, path=Path("m.gguf")), section, "llamacpp", on) is None


def test_a_kind_of_model_that_openvino_cannot_convert_is_found(llama: ModelFolder) -> None:
    config = json.loads((llama.path / "config.json").read_text())
    (llama.path / "config.json").write_text(json.dumps(config | {"model_type": "gemma"}))
    on = Device("CPU", "", None)
    refused = check_low_bit(llama, ModelSettings(), "openvino", on, llama.path)
    assert refused is not None
    assert refused.state is State.FAILED
    assert "parley backend install export, then parley model prepare" in refused.remedy
    assert check_low_bit(llama, ModelSettings(), "torch", on) is None
    (llama.path / "openvino_model.xml").touch()
    assert check_low_bit(llama, ModelSettings(), "openvino", on) is None


def test_a_model_that_was_exported_can_run(llama: ModelFolder, tmp_path: Path) -> None:
    write_tiny_model(llama.path, config={"model_type": "gemma"})
    on = Device("CPU", "", None)
    assert check_low_bit(llama, ModelSettings(), "openvino", on, tmp_path) is not None
    exported = tmp_path / converted_name(llama.path, kind_of("fp16"))
    exported.mkdir()
    (exported / "openvino_model.xml").touch()
    assert check_low_bit(llama, ModelSettings(), "openvino", on, tmp_path) is None


def test_a_model_that_is_there_and_can_chat(tmp_path: Path, llama: ModelFolder) -> None:
    (result,), folder = check_model(named(tmp_path))
    assert result.state is State.OK
    assert "Llama 2's chat format" in result.detail
    assert "runs with openvino (converted at the first start), or torch" in result.detail
    assert folder is not None


def test_a_model_that_nothing_runs_is_a_finding_with_the_way_that_works(
    tmp_path: Path, llama: ModelFolder
) -> None:
    config = json.loads((llama.path / "config.json").read_text())
    quantized = config | {"quantization_config": {"quant_method": "awq"}}
    (llama.path / "config.json").write_text(json.dumps(quantized))
    (result,), folder = check_model(named(tmp_path))
    assert (result.state, folder) == (State.FAILED, None)
    assert "quantized by AWQ" in result.detail
    assert "Use the original model" in result.remedy
    (result,), folder = check_model(named(tmp_path, backend="torch"))
    assert result.state is State.OK, "transformers may know more"


def test_weights_alone_can_be_too_large(llama: ModelFolder) -> None:
    config = json.loads((llama.path / "config.json").read_text())
    (llama.path / "config.json").write_text(json.dumps(config | {"model_type": "gemma"}))
    for part in ("openvino_model.xml", "openvino_model.bin"):
        (llama.path / part).write_bytes(b"x" * 1_000_000)
    assert fit(llama, gpu(0.001)).state is State.FAILED
    assert "parley model recommend" in fit(llama, gpu(0.001)).remedy
    assert fit(llama, gpu(1)).state is State.SKIPPED


def test_a_model_without_a_chat_format_is_refused(tmp_path: Path, llama: ModelFolder) -> None:
    config = json.loads((llama.path / "config.json").read_text())
    (llama.path / "config.json").write_text(json.dumps(config | {"vocab_size": 50000}))
    (result,), _ = check_model(named(tmp_path))
    assert result.state is State.FAILED
    assert "-chat" in result.remedy


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "config.json").unlink(), "without config.json"),
        (lambda folder: folder.rename(folder.with_name("gone")), "does not exist"),
    ],
)
def test_a_model_that_is_broken_is_a_finding_with_its_remedy(
    tmp_path: Path, llama: ModelFolder, broken: object, said: str
) -> None:
    broken(llama.path)  # type: ignore[operator]
    (result,), folder = check_model(named(tmp_path))
    assert (result.state, folder) == (State.FAILED, None)
    assert said in result.detail
    assert result.remedy


def test_a_model_that_was_never_downloaded_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (result,), _ = check_model(named(tmp_path, name="org/never-here"))
    assert "parley model pull org/never-here" in result.remedy


@pytest.mark.parametrize(
    ("template", "reasoning", "state", "said"),
    [
        ("{{ messages }}", "auto", None, ""),
        ("{{ messages }}", "low", State.SKIPPED, "does not think"),
        ("<think> {{ messages }}", "auto", State.OK, "thinks before it answers"),
        ("<think> {{ messages }}", "off", State.SKIPPED, "no such switch"),
        ("<think> {% if enable_thinking %}", "off", State.OK, "takes it"),
    ],
)
def test_whether_reasoning_has_an_effect_is_said(
    llama: ModelFolder, template: str, reasoning: str, state: State | None, said: str
) -> None:
    folder = replace(llama, chat_template=template)
    found = check_reasoning(folder, ModelSettings(reasoning=reasoning))  # type: ignore[arg-type]
    assert (found.state if found else None) == state
    assert said in (found.detail if found else "")


@pytest.mark.parametrize(
    ("library", "device", "model", "name", "element"),
    [
        ("llamacpp", CPU, {}, "tiny-Q4_K_M", 2.0),
        ("llamacpp", CPU, {"openvino": INT8}, "tiny-Q4_K_M", 2.0),
        ("openvino", CPU, {}, "tiny-Q4_K_M", 1.125),
        ("openvino", CPU, {}, "tiny-F16", 4.0),
        ("openvino", gpu(1), {}, "tiny-Q4_K_M", 2.0),
        ("openvino", gpu(1), {"openvino": INT8}, "tiny-Q4_K_M", 1.125),
    ],
)
def test_of_a_gguf_file_the_cache_is_what_its_library_keeps(
    tmp_path: Path,
    library: str,
    device: Device,
    model: dict[str, object],
    name: str,
    element: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parley.doctor.model._memory", lambda _: 10**9)
    folder = ModelFolder.read(write_gguf(tmp_path / f"{name}.gguf", template="x"))
    cache = 32_768 * element * (2 * 2 * (16 + 16))  # tokens, bytes, layers and heads
    result = fit(folder, device, library, **model)
    assert f"{cache / 1e6:.0f} MB at 32,768 tokens" in result.detail


def test_of_a_gguf_file_the_memory_is_its_size_and_a_cache_of_16_bits(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny-Q4_K_M.gguf", template="x")
    folder = ModelFolder.read(file)
    result = fit(folder, gpu(1))
    assert (result.state, result.what) == (State.OK, "context of 2048 tokens, Q4_K_M")
    cache = 2048 * 2 * (2 * 2 * (16 + 16))  # tokens, bytes, layers and heads
    assert (
        f"{file.stat().st_size / 1e6:.0f} MB of weights and {cache / 1e6:.0f} MB" in result.detail
    )
    refused = fit(folder, gpu(0.0001))
    assert refused.state is State.FAILED
    assert refused.what == "context of 1024 tokens, Q4_K_M"
    assert refused.remedy.startswith("Choose a file with fewer bits, or a smaller model than ")
    assert check_low_bit(folder, ModelSettings(), "openvino", gpu(1)) is None
