"""The llama.cpp backend over a fake server: what ends an answer, which ids arrive, what fails."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.worker.backends.llamacpp import backend as module
from bot.worker.backends.llamacpp.backend import LlamaCppBackend
from bot.worker.protocol import END as ENDED
from bot.worker.protocol import ERROR, LENGTH, DoesNotFit, LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import request, silent
from tests.bot.worker.backends.llamacpp.conftest import Start
from tests.fake_llama import BYTE, END, arguments, received

pytestmark = pytest.mark.process

OWN = 77
"""An end token of the request's, which the server does not know as one."""


def test_the_ids_of_an_answer_are_the_servers_without_the_stop_token(start: Start) -> None:
    bench = start()
    assert bench.answer(request(stop=[END], max_new_tokens=50)) == list(range(10, 30))
    assert bench.ended[1].reason == ENDED
    assert bench.ended[1].usage.cached_tokens == 3


def test_an_answer_ends_at_its_own_stop_token_although_the_server_goes_on(
    start: Start, tmp_path: Path
) -> None:
    bench = start({"script": [10, 11, OWN, 12, 13], "seconds": 0.01})
    assert bench.answer(request(stop=[OWN])) == [10, 11]
    assert bench.ended[1].reason == ENDED
    assert len(received(tmp_path)) == 1


def test_an_end_token_of_the_server_alone_does_not_end_the_answer(
    start: Start, tmp_path: Path
) -> None:
    bench = start({"script": [10, END, 11, 12, OWN]})
    given = request(prompt=[5, 6], stop=[OWN], seed=9, temperature=1.0)
    assert bench.answer(given) == [10, END, 11, 12]
    assert bench.ended[1].reason == ENDED
    first, second = received(tmp_path)
    assert (second["prompt"], second["n_predict"]) == ([5, 6, 10, END], 18)
    assert second["seed"] != first["seed"]  # else the same random numbers would come again


def test_an_answer_has_no_more_tokens_than_it_may(start: Start) -> None:
    bench = start()
    assert bench.answer(request(max_new_tokens=4)) == [10, 11, 12, 13]
    assert bench.ended[1].reason == LENGTH


@pytest.mark.parametrize("space", [False, True])
def test_the_ids_of_characters_that_span_tokens_all_arrive(start: Start, space: bool) -> None:
    """The server leaves out those of an incomplete character."""
    smile = [BYTE + byte for byte in " 🙂".encode()]
    bench = start({"script": [10, *smile, 11, *smile[1:], END], "space": space})
    assert bench.answer(request()) == [10, *smile, 11, *smile[1:]]


def test_an_answer_that_stops_within_a_character_keeps_what_was_complete(start: Start) -> None:
    bench = start({"script": [10, *(BYTE + byte for byte in "🙂".encode()), END]})
    assert bench.answer(request(max_new_tokens=3)) == [10]
    assert bench.ended[1].reason == LENGTH


def test_answers_in_flight_do_not_mix(start: Start) -> None:
    bench = start({"seconds": 0.001})
    given = [request(n, prompt=[5, *range(10, 10 + n)]) for n in range(1, 5)]
    bench.add(*given)
    bench.finish(1, 2, 3, 4)
    assert [bench.tokens[n] for n in range(1, 5)] == [list(range(10 + n, 30)) for n in range(1, 5)]


def test_cancelling_closes_the_connection_and_nothing_more_arrives(
    start: Start, backend: LlamaCppBackend
) -> None:
    bench = start({"seconds": 0.01, "script": list(range(10, 2000))})
    bench.add(request(1, max_new_tokens=400), request(2, max_new_tokens=3))
    while not bench.tokens[1]:
        bench.step()
    backend.cancel(1)
    so_far = list(bench.tokens[1])
    bench.finish(2)
    assert bench.tokens[1] == so_far
    server = backend._server
    assert server is not None
    until_idle = time.monotonic() + 30
    while server.get("/props")["active"]:
        assert time.monotonic() < until_idle


def test_an_answer_can_be_cancelled_before_the_server_heard_of_it(
    start: Start, backend: LlamaCppBackend
) -> None:
    bench = start()
    for n in range(20):
        bench.add(request(n))
        backend.cancel(n)
    assert bench.answer(request(50)) == list(range(10, 30))


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ({"refuse": "the request exceeds the available context size"}, "exceeds the available"),
        ({"send": ['data: {"oops\n\n']}, "sent what is no event of an answer"),
        ({"send": ['data: {"tokens": 5}\n\n']}, "sent what is no event of an answer"),
        ({"send": ["data: [1, 2]\n\n"]}, "sent what is no event of an answer"),
        ({"send": ['data: {"tokens": [Infinity]}\n\n']}, "sent what is no event of an answer"),
        ({"send": [f"data: {'[' * 60_000}\n\n"]}, "sent what is no event of an answer"),
        ({"send": ["hello\n\n"]}, "closed the connection in the middle of an answer"),
        ({"send": ['data: {"error": {"message": "Compute error."}}\n\n']}, "Compute error."),
        ({"send": ['error: {"message": "Input is\\ntoo large"}\n\n']}, "Input is too large"),
    ],
)
def test_an_answer_that_the_server_spoils_fails_alone(
    start: Start, fake: object, said: str
) -> None:
    bench = start(fake)
    assert bench.answer(request(1)) == []
    assert bench.ended[1].reason == ERROR
    assert said in bench.ended[1].message
    assert "\n" not in bench.ended[1].message
    bench.answer(request(2))
    assert bench.ended[2].reason == ERROR  # and the backend goes on


def test_a_server_that_ends_ends_the_backend_with_its_last_words(start: Start) -> None:
    bench = start({"crash_after": 3, "crash": "GGML_ASSERT(n > 0) failed"})
    bench.add(request())
    with pytest.raises(RuntimeError, match=r"exit code 134.*GGML_ASSERT\(n > 0\) failed"):
        bench.finish(1)


def test_memory_that_runs_out_in_the_server_is_told_from_other_faults(start: Start) -> None:
    bench = start({"crash_after": 3, "crash": "ggml_vulkan: Device memory: ErrorOutOfDeviceMemory"})
    bench.add(request())
    with pytest.raises(MemoryError, match="ErrorOutOfDeviceMemory"):
        bench.finish(1)


def test_a_server_that_hangs_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = start({"seconds": 60})
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    bench.add(request())
    with pytest.raises(RuntimeError, match="hung: nothing came for 0.2 seconds"):
        bench.finish(1)


def test_sampling_is_asked_for_as_the_other_backends_sample(start: Start, tmp_path: Path) -> None:
    bench = start()
    bench.answer(request(1, temperature=0.7, top_p=0.9, top_k=50, repetition_penalty=1.1, seed=7))
    bench.answer(request(2, temperature=0.0, top_k=50, seed=2**32 - 1))
    sampled, greedy = received(tmp_path)
    assert sampled["samplers"] == ["penalties", "temperature", "top_k", "top_p"]
    assert (sampled["temperature"], sampled["top_p"], sampled["top_k"]) == (0.7, 0.9, 50)
    assert (sampled["repeat_penalty"], sampled["repeat_last_n"]) == (1.1, 512)
    assert (sampled["min_p"], sampled["seed"]) == (0.0, 7)
    assert (greedy["temperature"], greedy["top_k"]) == (0.0, 1)
    assert greedy["seed"] != 2**32 - 1  # the server would draw one of its own


# ---------------------------------------------------------------- loading


def test_the_context_is_given_to_each_slot_with_a_little_more(start: Start, tmp_path: Path) -> None:
    bench = start(context=512, max_parallel=3)
    assert bench.facts.context == 512
    given = arguments(tmp_path)
    assert given[given.index("--ctx-size") + 1] == str(3 * 768)
    assert given[given.index("--parallel") + 1] == "3"
    assert given[given.index("--batch-size") + 1] == "256"  # on a GPU more keep it busy
    assert "--no-webui" not in given  # this build calls it --no-ui
    assert "--mmproj-auto" not in given


def test_the_facts_name_the_files_quantization_and_what_is_on_the_gpu(start: Start) -> None:
    bench = start(
        {
            "devices": ["  Vulkan0: Intel(R) Arc(tm) B580 Graphics (12216 MiB, 11000 MiB free)"],
            "load": ["load_tensors: offloaded 25/33 layers to GPU"],
        },
        low_bit="sym_int4",
    )
    assert bench.facts.low_bit == "Q4_K_M"
    assert bench.facts.device == "GPU (Intel(R) Arc(tm) B580 Graphics)"
    assert "build 11434" in bench.facts.note
    assert "25 of 33 layers on the GPU" in bench.facts.note
    assert 'low_bit = "sym_int4" has no effect' in bench.facts.note


def test_the_layers_and_the_device_of_the_settings_are_passed_on(
    start: Start, tmp_path: Path
) -> None:
    devices = [f"  Vulkan{n}: Intel(R) Arc(TM) A770 (16384 MiB, 16000 MiB free)" for n in (0, 1)]
    start({"devices": devices}, device="gpu.1", gpu_layers=12, arguments=("--threads", "3"))
    given = arguments(tmp_path)
    assert given[given.index("--device") + 1] == "Vulkan1"
    assert given[given.index("--gpu-layers") + 1] == "12"
    assert given[given.index("--batch-size") + 1] == "1024"
    assert given[-2:] == ["--threads", "3"]


def test_an_argument_that_parley_sets_is_refused(start: Start) -> None:
    with pytest.raises(LoadError, match=r"\[model.llamacpp\] arguments: -c is set by Parley"):
        start(arguments=("-c", "9"))
    with pytest.raises(LoadError, match="--host is set by Parley"):
        start(arguments=("--host=0.0.0.0",))


def test_a_tokenizer_that_differs_is_refused_with_the_first_text(start: Start) -> None:
    same = ("ab", [BYTE + 97, BYTE + 98])
    assert start(samples=(same,)).facts.backend == ""
    with pytest.raises(LoadError, match=r"differ for 'ab' \(\[3097, 3098\] and \[3098, 3099\]\)"):
        start({"shift": 1}, samples=(same, ("c", [1])))


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (["E error loading model: unknown model architecture: 'nova'"], LoadError, "'nova'"),
        (["x", "E failed to open GGUF file", "exiting"], LoadError, "failed to open GGUF file"),
        (["ggml: failed to allocate buffer of size 9"], DoesNotFit, "does not fit into memory"),
        ([], LoadError, "exit code 1"),
    ],
)
def test_a_model_that_the_server_refuses_is_told_in_one_line(
    start: Start, lines: list[str], error: type[LoadError], said: str
) -> None:
    with pytest.raises(error) as caught:
        start({"load": lines, "load_code": 1})
    assert type(caught.value) is error
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
@pytest.mark.parametrize(
    ("number", "features", "remedy"),
    [
        ("SIGSEGV", ("avx2", "amx_int8"), True),
        ("SIGSEGV", ("avx2",), False),
        ("SIGSEGV", None, False),
        ("SIGKILL", ("avx2", "amx_int8"), False),
    ],
)
def test_a_server_that_a_signal_ends_while_it_loads_is_told_with_what_may_help(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    number: str,
    features: tuple[str, ...] | None,
    remedy: bool,
) -> None:
    monkeypatch.setattr("bot.worker.backends.llamacpp.server.processor_features", lambda: features)
    ended = getattr(signal, number)
    with pytest.raises(LoadError) as caught:
        start({"load": ["warming up the model"], "load_code": -int(ended)})
    said = str(caught.value)
    hint = ", perhaps because memory ran out" if number == "SIGKILL" else ""
    assert f"(killed by {number}{hint}). Its last output: warming up the model" in said
    assert ('arguments = ["--no-repack"]' in said) is remedy
    assert ("parley backend install llamacpp" in said) is remedy
    assert "\n" not in said


def test_a_server_that_never_gets_ready_is_given_up(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.worker.backends.llamacpp.server.SILENCE_SECONDS", 1.5)
    with pytest.raises(LoadError, match=r"hung while it loaded .* Its last output: loading"):
        start({"never_ready": True, "load": ["loading"]})


def test_a_failed_load_leaves_no_server_behind(start: Start, tmp_path: Path) -> None:
    with pytest.raises(LoadError):
        start({"shift": 1}, samples=(("a", [1]),))
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_phases_of_loading_are_reported(
    backend: LlamaCppBackend, options: Callable[..., LoadOptions]
) -> None:
    said: list[str] = []
    lines = ["load_tensors: loading model tensors, this can take a while"]
    backend.load(options({"load": lines}), lambda what, *_: said.append(what))
    assert said[0] == "Starting llama-server"
    assert set(said[1:]) <= {"Loading the model"}


def test_what_is_no_gguf_file_is_refused(backend: LlamaCppBackend, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="is no GGUF file, and backend"):
        backend.load(LoadOptions("llamacpp", str(tmp_path)), silent)
    (tmp_path / "x.gguf").write_bytes(b"GGUF\x03")
    with pytest.raises(LoadError, match="is no complete GGUF file"):
        backend.load(LoadOptions("llamacpp", str(tmp_path / "x.gguf")), silent)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_nobody_without_the_key_gets_an_answer(
    start: Start, backend: LlamaCppBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    start({"load": ["init: api_keys: ****abcd", "loading"]})
    server = backend._server
    assert server is not None
    assert list(server.lines) == ["loading"]
    assert "abcd" not in capsys.readouterr().err
    connection = server.connect(10)
    connection.request("GET", "/props")
    assert connection.getresponse().status == 401
    connection.close()
    assert not any(server._key in argument for argument in server.address)
    if server._socket:
        assert Path(server._socket).parent.stat().st_mode & 0o077 == 0


def test_without_unix_sockets_a_port_of_this_machine_is_used(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bot.worker.backends.llamacpp.server._socket_path", lambda folder: "")
    bench = start()
    assert bench.answer(request()) == list(range(10, 30))
    given = arguments(tmp_path)
    assert given[given.index("--host") + 1] == "127.0.0.1"
