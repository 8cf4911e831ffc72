"""The OpenVINO backend, on a CPU, with a tiny model."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.openvino import arithmetic
from bot.worker.backends.openvino import backend as backend_module
from bot.worker.backends.openvino import device as openvino_device
from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.backends.openvino.device import Device, choose_device
from bot.worker.backends.openvino.library import import_genai
from bot.worker.backends.openvino.memory import cache_size
from bot.worker.backends.openvino.model_facts import CacheShape
from bot.worker.backends.openvino.source import Source
from bot.worker.conversion.convert import convert
from bot.worker.protocol import END, LENGTH, LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import EOS, Bench, request, silent
from tests.tiny_model import TinyLlama, write_tiny_model

CONTEXT = 512


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> LoadOptions:
    folder = tmp_path_factory.mktemp("openvino")
    return LoadOptions(
        backend="openvino",
        model=str(write_tiny_model(folder / "tiny")),
        device="cpu",
        context=CONTEXT,
        max_parallel=4,
        cache_dir=str(folder / "cache"),
    )


@pytest.fixture(scope="module")
def bench(options: LoadOptions) -> Bench:
    return Bench(OpenVinoBackend(), options)


# ---------------------------------------------------------------- answers


def test_a_kv_cache_of_8_bits_answers(options: LoadOptions, bench: Bench) -> None:
    small = Bench(OpenVinoBackend(), replace(options, kv_cache="int8"))
    long = request(1, [1, *range(40, 240)], max_new_tokens=40, stop=[])
    first, second = small.answer(long), small.answer(long)
    assert first == second
    assert first[:5] == bench.answer(long)[:5]


def test_it_says_what_it_loaded(bench: Bench) -> None:
    assert bench.facts.device.startswith("CPU (")
    assert (bench.facts.low_bit, bench.facts.context) == ("fp16", CONTEXT)


def test_answers_at_the_same_time_are_those_alone(bench: Bench) -> None:
    prompts = {n: [1, *range(20 * n, 20 * n + 25)] for n in range(11, 15)}
    alone = {n: bench.answer(request(n, prompt)) for n, prompt in prompts.items()}
    together = {n + 10: request(n + 10, prompt) for n, prompt in prompts.items()}
    bench.add(*together.values())
    bench.finish(*together)
    assert {n: bench.tokens[n + 10] for n in prompts} == alone
    assert len({tuple(tokens) for tokens in alone.values()}) == 4


def test_an_answer_ends_at_its_longest_length(bench: Bench) -> None:
    assert len(bench.answer(request(30, max_new_tokens=7))) == 7
    assert bench.ended[30].reason == LENGTH


def test_a_stop_token_ends_an_answer_and_is_not_part_of_it(bench: Bench) -> None:
    whole = bench.answer(request(31))
    stop = whole[9]
    assert bench.answer(request(32, stop=[EOS, stop])) == whole[: whole.index(stop)]
    assert bench.ended[32].reason == END


def test_no_stop_token_at_all_is_fine(bench: Bench) -> None:
    assert len(bench.answer(request(33, stop=[]))) == 20


def test_the_seed_decides_whatever_else_is_in_flight(bench: Bench) -> None:
    def sampled(answer_id: int, seed: int) -> Any:
        return request(answer_id, temperature=1.5, top_p=0.95, top_k=40, seed=seed)

    alone = bench.answer(sampled(40, seed=7))
    bench.add(sampled(41, seed=1), sampled(42, seed=7), sampled(43, seed=2))
    bench.finish(41, 42, 43)
    assert bench.tokens[42] == alone
    assert bench.tokens[41] != alone


def test_a_penalty_changes_a_greedy_answer(bench: Bench) -> None:
    repeated = [1, *[50, 60] * 10]
    plain = bench.answer(request(45, repeated, max_new_tokens=40))
    assert bench.answer(request(46, repeated, max_new_tokens=40, repetition_penalty=1.8)) != plain


@pytest.mark.parametrize("length", [CONTEXT - 19, 0])
def test_a_request_that_cannot_fit_is_refused_alone(bench: Bench, length: int) -> None:
    with pytest.raises(ValueError, match=f"do not fit a context window of {CONTEXT}"):
        bench.backend.add(request(50, [1] * length))
    assert len(bench.answer(request(51, [1] * (CONTEXT - 20)))) == 20


# ---------------------------------------------------------------- cancelling


def test_a_cancelled_answer_gets_nothing_from_the_next_step(bench: Bench) -> None:
    alone = bench.answer(request(60, max_new_tokens=30))
    bench.add(request(61, max_new_tokens=400), request(62, max_new_tokens=30))
    while len(bench.tokens[61]) < 5:
        bench.step()
    made = list(bench.tokens[61])
    bench.backend.cancel(61)
    bench.finish(62)
    assert bench.tokens[61] == made
    assert 61 not in bench.ended
    assert bench.tokens[62] == alone


def test_cancelled_answers_leave_room_for_others(bench: Bench) -> None:
    alone = bench.answer(request(70))
    for answer_id in range(100, 140):
        bench.add(request(answer_id, [1, *range(answer_id, answer_id + 300)], max_new_tokens=200))
        bench.step()
        bench.backend.cancel(answer_id)
    assert bench.answer(request(71)) == alone


def test_an_answer_can_be_cancelled_before_its_first_step(bench: Bench) -> None:
    bench.add(request(75))
    bench.backend.cancel(75)
    assert len(bench.answer(request(76))) == 20
    assert bench.tokens[75] == []


# ---------------------------------------------------------------- the prefix cache


def test_a_second_turn_needs_prefill_only_for_what_is_new(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backend_module.PREFILL_CHUNK, "CPU", 32)
    bench = Bench(OpenVinoBackend(), options)
    first = [1, *range(100, 300)]
    assert bench.steps_to_first_token(request(1, first)) == 7  # 201 tokens, 32 at a time
    bench.finish(1)
    assert bench.ended[1].usage.cached_tokens == 0
    second = [*first, *bench.tokens[1], *range(300, 320)]
    assert bench.steps_to_first_token(request(2, second)) == 1
    bench.finish(2)
    assert bench.ended[2].usage.cached_tokens == 192


# ---------------------------------------------------------------- folders and quantization


def test_an_openvino_folder_is_taken_as_it_is(
    bench: Bench, options: LoadOptions, tmp_path: Path
) -> None:
    convert(Path(options.model), tmp_path, "fp16", silent)
    taken = Bench(OpenVinoBackend(), replace(options, model=str(tmp_path), cache_dir=""))
    assert taken.facts.low_bit == "fp16 (as exported)"
    assert taken.answer(request()) == bench.answer(request(80))


@pytest.mark.parametrize("low_bit", ["fp32", "bf16", "sym_int8", "sym_int4", "asym_int4"])
def test_every_quantization_runs(options: LoadOptions, low_bit: str) -> None:
    bench = Bench(OpenVinoBackend(), replace(options, low_bit=low_bit))
    assert bench.facts.low_bit == low_bit
    assert len(bench.answer(request(stop=[]))) == 20


def refusal(options: LoadOptions) -> str:
    with pytest.raises(LoadError) as caught:
        OpenVinoBackend().load(options, silent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_device_is_refused_with_those_that_there_are(options: LoadOptions) -> None:
    said = refusal(replace(options, device="gpu.7"))
    assert '[model] device = "gpu.7"' in said
    assert '"cpu"' in said


def test_a_damaged_model_is_named(options: LoadOptions, tmp_path: Path) -> None:
    file = write_tiny_model(tmp_path, TinyLlama(seed=3)) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    assert f"{file} is damaged" in refusal(replace(options, model=str(tmp_path)))


def test_a_damaged_openvino_folder_is_named(options: LoadOptions, tmp_path: Path) -> None:
    (tmp_path / "openvino_model.xml").write_text("<net>")
    (tmp_path / "openvino_model.bin").touch()
    said = refusal(replace(options, model=str(tmp_path)))
    assert said.startswith(f"{tmp_path} cannot be loaded: openvino_model.xml or its .bin file is")


def test_a_missing_library_is_named_with_the_remedy(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    said = refusal(options)
    assert said.endswith(f"run {sys.executable} -m pip install openvino-genai")


@pytest.mark.process
def test_openvino_is_imported_without_its_telemetry() -> None:
    code = (
        "import sys\n"
        "from bot.worker.backends.openvino.library import import_genai\n"
        "import_genai()\n"
        "sys.exit([m for m in sys.modules if m.startswith('openvino_telemetry.')] or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- number formats


class WatchedGenAi:
    """OpenVINO GenAI, and the properties of the last pipeline that it made."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self._genai = import_genai()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._genai, name)

    def ContinuousBatchingPipeline(self, *given: Any, **properties: Any) -> Any:  # noqa: N802
        self.properties = properties
        return self._genai.ContinuousBatchingPipeline(*given, **properties)


@pytest.mark.parametrize("made_by", ["Parley", "somebody else"])
@pytest.mark.parametrize(
    ("low_bit", "expected"),
    [
        ("fp32", arithmetic.EXACT),
        ("fp16", arithmetic.EXACT),
        ("bf16", {}),
        ("sym_int8", {"INFERENCE_PRECISION_HINT": "f32"}),
        ("sym_int4", {"INFERENCE_PRECISION_HINT": "f32"}),
    ],
)
def test_with_amx_32_bits_are_asked_for_where_weights_are_quantized_and_not_for_bf16(
    options: LoadOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    low_bit: str,
    expected: dict[str, str],
    made_by: str,
) -> None:
    watched, wanted = WatchedGenAi(), replace(options, low_bit=low_bit)
    monkeypatch.setattr(backend_module, "import_genai", lambda: watched)
    monkeypatch.setattr(arithmetic, "processor_features", lambda: ("amx_int8", "amx_bf16"))
    if made_by != "Parley":
        convert(Path(options.model), tmp_path, low_bit, silent)
        wanted = replace(options, model=str(tmp_path), cache_dir="")
    facts = OpenVinoBackend().load(wanted, silent)
    assert low_bit.removeprefix("sym_") in facts.low_bit
    assert watched.properties == expected


# ---------------------------------------------------------------- devices and memory


class FakeCore:
    """Devices by their names, each with its type."""

    def __init__(self, **devices: str) -> None:
        self._types = {name.replace("_", "."): kind for name, kind in devices.items()}
        self.available_devices = list(self._types)

    def get_property(self, device: str, name: str) -> object:
        values = {"FULL_DEVICE_NAME": f"the {device} ", "GPU_DEVICE_TOTAL_MEM_SIZE": 12 << 30}
        return values.get(name, f"Type.{self._types[device]}")


LAPTOP = FakeCore(CPU="INTEGRATED", GPU="INTEGRATED", NPU="INTEGRATED")
DESKTOP = FakeCore(CPU="INTEGRATED", GPU_0="INTEGRATED", GPU_1="DISCRETE")
SERVER = FakeCore(CPU="INTEGRATED")


@pytest.mark.parametrize(
    ("core", "wanted", "chosen"),
    [
        (LAPTOP, "auto", "GPU"),
        (LAPTOP, "gpu.0", "GPU"),
        (LAPTOP, "cpu", "CPU"),
        (DESKTOP, "auto", "GPU.1"),
        (DESKTOP, "gpu", "GPU.1"),
        (DESKTOP, "gpu.0", "GPU.0"),
        (SERVER, "auto", "CPU"),
    ],
)
def test_the_device_that_is_meant_is_taken(core: FakeCore, wanted: str, chosen: str) -> None:
    device = choose_device(core, wanted)
    assert device.name == chosen
    assert device.title == f"{chosen} (the {chosen})"
    assert (device.gpu_memory > 0) == chosen.startswith("GPU")


def test_graphics_without_memory_of_their_own_share_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino_device, "available_memory", lambda: 5 << 30)
    assert choose_device(DESKTOP, "gpu.0").gpu_memory == 5 << 30
    assert choose_device(DESKTOP, "gpu.1").gpu_memory == 12 << 30


@pytest.mark.parametrize(
    ("core", "wanted", "said"),
    [
        (LAPTOP, "gpu.1", '"cpu", "gpu"'),
        (SERVER, "gpu", "compute runtime"),
        (LAPTOP, "cuda", 'devices of backend = "torch"'),
    ],
)
def test_a_device_that_is_not_there_is_refused(core: FakeCore, wanted: str, said: str) -> None:
    with pytest.raises(LoadError) as caught:
        choose_device(core, wanted)
    assert said in str(caught.value)


def test_the_cache_has_room_for_all_answers_or_for_what_fits(options: LoadOptions) -> None:
    token = 2 * 2 * 2 * 16 * 2  # bytes of KV cache per token
    source = Source(Path(options.model), "tiny", "sym_int4", False, CacheShape(((2, 16),) * 4), 0)

    def blocks(memory: int) -> int:
        return cache_size(source, Device("GPU", "a GPU", memory), options).blocks

    assert blocks(1 << 30) == 4 * 33
    assert blocks(int(50 * 16 * token / 0.7) + 1) == 50
    with pytest.raises(LoadError, match=r"context = 512 needs .* choose a smaller context"):
        blocks(32 * 16 * token)


def test_a_model_too_large_for_the_device_is_not_even_converted(
    options: LoadOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "total_memory", lambda: 1000)
    with pytest.raises(LoadError, match="of memory, and the device has 0.0 GB in all"):
        OpenVinoBackend().load(replace(options, cache_dir=str(tmp_path / "cache")), silent)
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
