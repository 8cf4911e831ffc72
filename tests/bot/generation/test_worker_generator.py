"""A generator over a real worker process, with the scripted backend."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import bot.worker
from bot.errors import GenerationError, ModelError, NoRoom, WorkerLost
from bot.generation import LoadProgress, Timeouts, WorkerGenerator, WorkerOptions
from bot.generation.codec import ModelCodec
from bot.messages import Completion, Finished, FinishReason, Prompt, Sampling
from bot.worker.frames import MAGIC
from tests.chat_templates import CHATML
from tests.out_of_memory_worker import out_of_memory_python
from tests.tiny_gguf import write_gguf
from tests.tiny_model import write_tiny_model
from tests.until import until

pytestmark = pytest.mark.process

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

WORDS = " ".join(f"word{n}" for n in range(60))
PROMPT = Prompt("Be brief.", (), "What is new?")
FAST = WorkerOptions(backend="scripted", script=WORDS, tokens_per_second=0.0, context=1000)
STEADY = replace(FAST, tokens_per_second=100.0)
ENDLESS = replace(STEADY, script="la " * 900)


@asynccontextmanager
async def running(options: WorkerOptions) -> AsyncIterator[WorkerGenerator]:
    generator = WorkerGenerator(options)
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def answer(
    generator: WorkerGenerator,
    prompt: Prompt | Completion = PROMPT,
    sampling: Sampling | None = None,
    *,
    into: list[str] | None = None,
) -> tuple[str, Finished]:
    texts = [] if into is None else into
    async for piece in generator.stream(prompt, sampling or Sampling()):
        if isinstance(piece, Finished):
            return "".join(texts), piece
        assert isinstance(piece, str)
        texts.append(piece)
    raise AssertionError("the stream ended without an end")


# ---------------------------------------------------------------- answers


async def test_an_answer_is_the_models_text_whole() -> None:
    async with running(FAST) as generator:
        text, finished = await answer(generator)
    assert text == WORDS
    assert finished.reason is FinishReason.END
    assert finished.usage.completion_tokens == 60
    assert finished.usage.prompt_tokens == 5
    assert 0 < finished.usage.first_token_seconds <= finished.usage.total_seconds


async def test_the_model_says_what_it_is() -> None:
    async with running(replace(FAST, name="a rehearsal")) as generator:
        info = await generator.start()
    assert (info.name, info.backend, info.context) == ("a rehearsal", "scripted", 1000)


async def test_many_answers_at_a_time_are_each_right() -> None:
    prompts = [replace(PROMPT, answer=" ".join(f"word{n}" for n in range(k))) for k in range(40)]
    async with running(replace(STEADY, max_parallel=64)) as generator:
        answers = await asyncio.gather(*(answer(generator, prompt) for prompt in prompts))
    for prompt, (text, _) in zip(prompts, answers, strict=True):
        assert prompt.answer + text == WORDS


async def test_more_answers_than_fit_at_a_time_wait_their_turn() -> None:
    async with running(replace(FAST, max_parallel=2)) as generator:
        answers = await asyncio.gather(*(answer(generator) for _ in range(7)))
    assert [text for text, _ in answers] == [WORDS] * 7


async def test_an_answer_is_continued_without_repeating() -> None:
    async with running(FAST) as generator:
        first, cut = await answer(generator, sampling=Sampling(max_new_tokens=7))
        rest, end = await answer(generator, replace(PROMPT, answer=first))
    assert (cut.reason, end.reason) == (FinishReason.LENGTH, FinishReason.END)
    assert first + rest == WORDS


async def test_a_plain_text_can_be_completed() -> None:
    async with running(FAST) as generator:
        text, _ = await answer(generator, Completion("Once upon"))
        assert await generator.count(Completion("Once upon")) == 2
    assert text == WORDS


async def test_counting_needs_no_worker() -> None:
    generator = WorkerGenerator(FAST)
    assert await generator.count(PROMPT) == 5
    assert generator.worker_pid is None


async def test_a_prompt_without_room_for_an_answer_is_refused() -> None:
    async with running(replace(FAST, context=4)) as generator:
        with pytest.raises(
            GenerationError, match="has 5 tokens and the model's context window only 4"
        ):
            await answer(generator)
        text, finished = await answer(generator, Completion("one two"))
    assert (text, finished.reason) == ("word0 word1", FinishReason.LENGTH)


# ---------------------------------------------------------------- stopping


# Not one of these answers would end by itself before the test's timeout: the next one can only
# come because the model was stopped and the batch slot is free.
SLOW = replace(ENDLESS, tokens_per_second=4.0, max_parallel=1)
LONG = Sampling(max_new_tokens=900)


async def test_closing_the_stream_stops_the_model_and_frees_the_batch_slot() -> None:
    async with running(SLOW) as generator:
        for _ in range(3):
            async with aclosing(generator.stream(PROMPT, LONG)) as stream:
                assert await anext(stream) == "la"
        text, _ = await answer(generator, sampling=Sampling(max_new_tokens=2))
    assert text == "la la"


async def test_a_cancelled_reader_stops_the_model_too() -> None:
    async with running(SLOW) as generator:
        texts: list[str] = []
        reading = asyncio.create_task(answer(generator, sampling=LONG, into=texts))
        waiting = asyncio.create_task(answer(generator, sampling=LONG))
        await until(lambda: bool(texts))
        waiting.cancel()
        reading.cancel()
        await asyncio.wait([reading, waiting])
        short = await answer(generator, sampling=Sampling(max_new_tokens=2))
    assert short[0] == "la la"


# ---------------------------------------------------------------- death


@needs_signals
async def test_a_killed_worker_is_reported_and_the_answer_can_be_taken_up_again() -> None:
    async with running(STEADY) as generator:
        before: list[str] = []
        reading = asyncio.create_task(answer(generator, into=before))
        await until(lambda: len(before) > 5)
        first_pid = generator.worker_pid
        assert first_pid is not None
        os.kill(first_pid, signal.SIGKILL)
        with pytest.raises(WorkerLost, match="killed by SIGKILL"):
            await reading
        rest, finished = await answer(generator, replace(PROMPT, answer="".join(before)))
        assert generator.worker_pid != first_pid
    assert "".join(before) + rest == WORDS
    assert finished.reason is FinishReason.END


@needs_signals
async def test_a_worker_that_hangs_is_ended() -> None:
    patient = replace(ENDLESS, timeouts=Timeouts(silence=3.0))
    async with running(patient) as generator:
        before: list[str] = []
        reading = asyncio.create_task(answer(generator, into=before))
        await until(lambda: bool(before))
        pid = generator.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkerLost, match="hung: it did nothing for 3 seconds"):
            await reading


async def test_a_worker_that_lives_but_makes_no_step_is_ended() -> None:
    stuck = replace(FAST, tokens_per_second=0.001, timeouts=Timeouts(stall=0.2))
    async with running(stuck) as generator:
        with pytest.raises(WorkerLost, match=r"hung: it did nothing for 0\.2 seconds"):
            await answer(generator)


async def test_closing_the_generator_ends_open_answers() -> None:
    async with running(ENDLESS) as generator:
        before: list[str] = []
        reading = asyncio.create_task(answer(generator, into=before))
        await until(lambda: bool(before))
        await generator.aclose()
        with pytest.raises(WorkerLost):
            await reading
        await generator.aclose()


# ---------------------------------------------------------------- a worker that does not start


def interpreter(folder: Path, *lines: str) -> WorkerOptions:
    """Options whose interpreter is a script that does this, and then what an interpreter does."""
    script = folder / "python"
    code = [f"#!{sys.executable}", "import os, sys", f"MAGIC = {MAGIC!r}", *lines]
    code.append(f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])")
    script.write_text("\n".join(code))
    script.chmod(0o755)
    return replace(FAST, python=str(script), context=4000)


async def refusal(options: WorkerOptions) -> str:
    generator = WorkerGenerator(options)
    with pytest.raises(ModelError) as caught:
        await generator.start()
    await generator.aclose()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@needs_signals
async def test_what_an_interpreter_prints_first_is_skipped(tmp_path: Path) -> None:
    options = interpreter(tmp_path, 'print("Activating environment…", flush=True)')
    async with running(options) as generator:
        assert (await answer(generator))[0] == WORDS


@needs_signals
async def test_a_gguf_files_worker_gets_texts_to_compare_its_tokenizer_with(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", template=CHATML)
    options = interpreter(
        tmp_path,
        "frame = sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(4), 'big'))",
        f"open({str(tmp_path / 'load.json')!r}, 'wb').write(frame)",
        "sys.exit('that is all')",
    )
    await refusal(replace(options, backend="openvino", model=file, context=2000))
    load = json.loads((tmp_path / "load.json").read_bytes())
    expected = ModelCodec.load(file, 0).samples()
    assert [(text, ids) for text, ids in load["samples"]] == list(expected)
    assert len(expected) > 12


@needs_signals
async def test_a_process_that_ends_at_once_is_reported_with_its_last_output(tmp_path: Path) -> None:
    options = interpreter(tmp_path, 'sys.exit("no such environment")')
    said = await refusal(options)
    assert "exit code 1" in said
    assert "check [model] python" in said
    assert "Its last output: no such environment" in said


@needs_signals
async def test_a_process_that_dies_while_it_loads_is_reported(tmp_path: Path) -> None:
    options = interpreter(tmp_path, "os.write(1, MAGIC)", "os.kill(os.getpid(), 9)")
    assert "ended unexpectedly: killed by SIGKILL, perhaps because memory ran out" in await refusal(
        options
    )


@needs_signals
async def test_a_process_that_talks_nonsense_is_reported(tmp_path: Path) -> None:
    options = interpreter(tmp_path, 'os.write(1, MAGIC + b"Welcome to the shell")')
    assert "sent data that is not a frame" in await refusal(options)


async def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "python3.99")
    said = await refusal(replace(FAST, python=missing))
    assert said.startswith(f"{missing} cannot be started (No such file")


async def test_what_the_worker_refuses_reaches_the_operator() -> None:
    assert "[model.scripted] text" in await refusal(replace(FAST, script=""))


# ---------------------------------------------------------------- a real model


async def test_a_model_is_loaded_and_answers_over_the_pipe(tmp_path: Path) -> None:
    reports: list[LoadProgress] = []
    options = WorkerOptions(
        model=write_tiny_model(tmp_path / "tiny"), device="cpu", cache_dir=tmp_path / "cache"
    )
    generator = WorkerGenerator(options, on_progress=reports.append)
    greedy = Sampling(temperature=0, max_new_tokens=40)
    try:
        info = await generator.start()
        prompt = replace(PROMPT, system="You are kind. " * 10)
        first, finished = await answer(generator, prompt, greedy)
        assert finished.usage.cached_tokens == 0
        again, finished = await answer(generator, prompt, greedy)
        assert finished.usage.cached_tokens > 0
        asked = await generator.count(prompt)
    finally:
        await generator.aclose()
    assert (info.name, info.backend, info.low_bit, info.context) == (
        "tiny",
        "openvino",
        "fp16",
        512,
    )
    assert first == again != ""
    assert finished.usage.prompt_tokens == asked
    converting = [report for report in reports if report.what == "Converting the model"]
    assert converting[-1].done == converting[-1].total > 0


async def test_an_unknown_device_is_refused_in_one_line(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    said = await refusal(WorkerOptions(model=model, device="gpu.9", cache_dir=tmp_path))
    assert said.startswith('[model] device = "gpu.9": OpenVINO has no such device here; it has')


async def test_a_missing_model_is_refused_in_one_line(tmp_path: Path) -> None:
    said = await refusal(WorkerOptions(model=tmp_path / "nowhere"))
    assert said.startswith(f"The model's folder {tmp_path / 'nowhere'} does not exist")


# ---------------------------------------------------------------- what crosses the border


def test_this_process_loads_no_library_that_runs_models() -> None:
    code = (
        "import sys, bot.generation\n"
        "heavy = {'torch', 'openvino', 'openvino_genai', 'transformers', 'ipex_llm', 'gguf'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- memory that runs out


def out_of_memory(folder: Path, *, whole: int) -> WorkerOptions:
    """A worker whose memory runs out at the first step, while its context is more than `whole`."""
    python = out_of_memory_python(folder, f"context > {whole}")
    return replace(FAST, python=python, context=4000)


@needs_signals
async def test_memory_that_runs_out_halves_the_context_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(out_of_memory(tmp_path, whole=2000)) as generator:
        assert (await generator.start()).context == 4000
        with pytest.raises(WorkerLost, match="XPU out of memory"):
            await answer(generator)
        text, _ = await answer(generator)
        info = await generator.start()
    assert text == WORDS
    assert info.context == 2000
    assert info.note == "the memory ran out: the context was halved from 4000 to 2000 tokens"
    assert info.note in caplog.text


@needs_signals
async def test_a_window_that_the_worker_chose_is_halved_once_too(tmp_path: Path) -> None:
    options = replace(out_of_memory(tmp_path, whole=2000), context=0)
    async with running(options) as generator:
        first = await generator.start()
        assert (first.context, first.note) == (3072, "only 3072 fit")
        with pytest.raises(WorkerLost, match="XPU out of memory"):
            await answer(generator)
        text, _ = await answer(generator)
        info = await generator.start()
    assert text == WORDS
    halved = "the memory ran out: the context was halved from 3072 to 1536 tokens"
    assert (info.context, info.note) == (1536, f"only 3072 fit; {halved}")


@needs_signals
@pytest.mark.parametrize("context", [0, 4000])
async def test_half_of_a_window_is_tried_again_after_a_start_that_failed(
    tmp_path: Path, context: int
) -> None:
    """Another program may hold the memory for a while."""
    options = replace(out_of_memory(tmp_path, whole=2000), context=context)
    fails = tmp_path / "fails"
    python = Path(options.python)
    script = python.read_text().replace("exec", f"rm {fails} 2>/dev/null && exit 7\nexec")
    python.write_text(script)
    async with running(options) as generator:
        before = (await generator.start()).context
        fails.touch()
        with pytest.raises(WorkerLost, match="XPU out of memory"):
            await answer(generator)
        text, _ = await answer(generator)
        info = await generator.start()
    assert not fails.exists()
    assert text == WORDS
    assert info.context == before // 2


@needs_signals
async def test_a_worker_that_starts_again_keeps_the_window_that_was_chosen(tmp_path: Path) -> None:
    """Memory that is short at that moment must not shrink it: prompts were packed for it."""
    limit = tmp_path / "limit"
    limit.write_text("3072")
    chosen = f"int(open({str(limit)!r}).read())"
    python = out_of_memory_python(tmp_path / "python", "False", chosen)
    async with running(replace(FAST, python=python, context=0)) as generator:
        before = await generator.start()
        limit.write_text("1024")
        first_pid = generator.worker_pid
        assert first_pid is not None
        os.kill(first_pid, signal.SIGKILL)
        await until(lambda: generator.worker_pid != first_pid)
        assert await generator.start() == before
    assert before.context == 3072


@needs_signals
async def test_a_prompt_that_was_packed_for_a_larger_window_is_given_back(tmp_path: Path) -> None:
    long = Prompt("", (), "word " * 2500)
    async with running(out_of_memory(tmp_path, whole=2000)) as generator:
        with pytest.raises(WorkerLost):
            await answer(generator, long)
        assert (await generator.start()).context == 2000
        with pytest.raises(NoRoom, match="2500 tokens and the model's context window only 2000"):
            await answer(generator, long)
        wants = replace(PROMPT, question="word " * 1900)
        text, _ = await answer(generator, wants, Sampling(max_new_tokens=500))
        assert text == WORDS, "it is the caller's affair how much room is left"


@needs_signals
async def test_a_request_that_waits_while_the_window_shrinks_is_given_back(tmp_path: Path) -> None:
    options = replace(out_of_memory(tmp_path, whole=2000), max_parallel=1)
    almost = replace(PROMPT, question="word " * 1900)
    async with running(options) as generator:
        first = asyncio.create_task(answer(generator))
        second = asyncio.create_task(answer(generator, almost, Sampling(max_new_tokens=500)))
        with pytest.raises(WorkerLost):
            await first
        with pytest.raises(NoRoom, match="window shrank from 4000 to 2000 tokens"):
            await second


@needs_signals
async def test_memory_that_runs_out_again_is_refused_with_the_numbers(tmp_path: Path) -> None:
    async with running(out_of_memory(tmp_path, whole=100)) as generator:
        for _ in range(2):
            with pytest.raises(WorkerLost):
                await answer(generator)
        with pytest.raises(ModelError, match="ran out again, with a context of 2000 tokens and 8"):
            await generator.start()


NOTING = """
import sys, types
package = types.ModuleType("bot"); package.__path__ = [{parent!r}]
sys.modules["bot"] = package
from bot.worker import backends, process
from bot.worker.backends.scripted import ScriptedBackend
class Model(ScriptedBackend):
    def step(self):
        step = super().step()
        step.notes = ["steps are slow here"]
        return step
backends.create = lambda name: Model()
sys.exit(process.run())
"""


async def test_what_a_backend_notes_is_a_warning_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program, python = tmp_path / "worker.py", tmp_path / "python"
    program.write_text(NOTING.format(parent=str(Path(bot.worker.__file__).parents[1])))
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "{program}"\n')
    python.chmod(0o755)
    async with running(replace(FAST, python=str(python), script="Yes.")) as generator:
        assert (await answer(generator))[0] == "Yes."
    warnings = {r.message for r in caplog.records if r.levelname == "WARNING"}
    assert warnings == {"steps are slow here"}
