"""Parley beside the engine alone, on the same prompts."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.errors import GenerationError, ModelError
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling, Thought
from bot.ports import Generator
from bot.worker.protocol import LoadOptions
from parley.bench.alone import Alone, Unavailable, alone
from parley.bench.comparison import (
    ENGINE,
    IPEX,
    LLAMACPP,
    LONG_TURNS,
    PARLEY,
    PEOPLE,
    PEOPLE_TURNS,
    QUICK,
    TURNS,
    Plan,
    Results,
    compare,
)
from parley.bench.delivered import delivering
from parley.bench.machine import BUSY_LOAD, this_machine
from parley.bench.report import as_json, as_tables
from parley.bench.samples import Sample, Spread
from parley.environments.install import MARKER, interpreter_in
from parley.environments.ipex import default_folder, installed

pytestmark = pytest.mark.process

SCRIPT = "One two three four five six seven eight nine ten."
SMALL = Plan(streams=(1, 2), rounds=2, tokens=8, peers=(), cases=())


@pytest.fixture
def demo(tmp_path: Path) -> Settings:
    changes = {"PARLEY_MODEL__NAME": "demo", "PARLEY_MODEL__CACHE_DIR": str(tmp_path / "models")}
    return load(None, changes)


@pytest.fixture
def scripted() -> Settings:
    changes = {
        "PARLEY_MODEL__BACKEND": "scripted",
        "PARLEY_MODEL__SCRIPTED__TEXT": SCRIPT,
        "PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "10000",
    }
    return load(None, changes)


async def test_both_generate_the_same_tokens_for_the_same_prompts(demo: Settings) -> None:
    said: list[str] = []
    results = await compare(demo, SMALL, said.append)
    assert results.missing == {}
    for streams in SMALL.streams:
        parley, engine = (results.streams[who, streams] for who in (PARLEY, ENGINE))
        assert len(parley) == len(engine) == SMALL.rounds
        assert [one.tokens for one in parley] == [one.tokens for one in engine]
        assert all(0 < one.tokens <= streams * SMALL.tokens for one in parley)
        assert all(len(one.first) == streams for one in [*parley, *engine])
        assert all(0 < first <= one.seconds for one in parley for first in one.first)
    assert len(results.tenth_turn[PARLEY]) == len(results.tenth_turn[ENGINE]) == SMALL.rounds
    assert "2 at once, round 2" in said
    assert f"{TURNS} turns, round 1" in said


async def test_turns_after_the_cut_and_those_of_several_people_are_compared(
    scripted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.bench.comparison.CONTEXT", 160)
    plan = Plan(streams=(1,), rounds=1, tokens=10, peers=(), cases=("cut", "six"))
    results = await compare(scripted, plan, lambda _: None)
    assert 0 < len(results.cases["cut"][PARLEY]) < LONG_TURNS  # not those before, nor the cut
    assert len(results.cases["six"][PARLEY]) == PEOPLE * (PEOPLE_TURNS - 1)
    for times in results.cases.values():
        assert len(times[PARLEY]) == len(times[ENGINE])
    report = as_json(results, this_machine(), plan)
    assert set(report["turns_over_engine"]) == {"cut", "six"}
    texts = list(as_tables(results, this_machine(), plan).renderables)
    assert any("First token after the context was cut" in str(one) for one in texts)


async def test_a_peer_answers_the_prompts_of_each_round(
    demo: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[int, list[list[list[int]]]] = {}  # by process, in the order of the runs
    run = Alone.run

    async def watched(
        self: Alone, prompts: list[list[int]], stop: Collection[int], tokens: int
    ) -> Sample:
        asked.setdefault(id(self), []).append(prompts)
        return await run(self, prompts, stop, tokens)

    monkeypatch.setattr(Alone, "run", watched)
    plan = Plan(streams=(2,), rounds=2, tokens=8, peers=("generate", "nobody"), cases=())
    results = await compare(demo, plan, lambda _: None)
    engine, peer = asked.values()
    assert peer == engine[:3]  # one before the rounds, and the two rounds
    assert len({tuple(prompt) for prompts in peer for prompt in prompts}) == 5
    for mine, theirs in zip(
        results.streams[PARLEY, 2], results.streams["generate", 2], strict=True
    ):
        assert theirs.tokens == mine.tokens
        assert theirs.first[0] < theirs.first[1] <= theirs.seconds  # one prompt after the other
    assert results.titles["generate"].startswith("transformers ")
    assert set(results.missing) == {"nobody"}


async def test_no_round_begins_when_the_time_is_over_and_one_is_always_made(
    scripted: Settings,
) -> None:
    results = await compare(scripted, replace(SMALL, seconds=0.0), lambda _: None)
    assert [len(samples) for samples in results.streams.values()] == [1, 1, 1, 1]


async def test_the_prompts_are_those_that_the_model_got(scripted: Settings) -> None:
    async with delivering(scripted, tokens=50, most=2) as parley:
        asked = await parley.ask(["Why?", "How?"])
        assert {prompt.question for prompt in asked.prompts if hasattr(prompt, "question")} == {
            "Why?",
            "How?",
        }
        assert asked.sample.tokens == 2 * len(SCRIPT.split())
        again = await parley.ask(["And then?"], conversation="one")
        later = await parley.ask(["And now?"], conversation="one")
        histories = [one.prompts[0].history for one in (again, later)]  # type: ignore[union-attr]
        assert [len(history) for history in histories] == [0, 1]


async def test_a_model_that_cannot_be_loaded_alone_is_one_line(tmp_path: Path) -> None:
    options = LoadOptions(backend="openvino", model=str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        async with alone("engine", options):
            pass
    assert "\n" not in str(caught.value)
    with pytest.raises(Unavailable, match="cannot be started"):
        async with alone("engine", options, python=str(tmp_path / "python")):
            pass


async def test_a_process_that_ends_is_no_endless_wait(scripted: Settings) -> None:
    del scripted
    async with alone("engine", LoadOptions(backend="scripted", script=SCRIPT)) as running:
        running._conversation.process.kill()
        await running._conversation.process.wait()
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable):
                await running.run([[1]], [], 3)


async def test_an_answer_that_fails_ends_the_measurement(scripted: Settings) -> None:
    async with delivering(scripted, tokens=50, most=1) as parley:
        parley._watched._generator = Broken(parley._watched._generator)
        with pytest.raises(ModelError, match="An answer failed"):
            await parley.ask(["Why?"])


class Broken:
    """A generator whose answers fail."""

    def __init__(self, generator: Generator) -> None:
        self.start, self.count = generator.start, generator.count
        self.aclose = generator.aclose

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        raise GenerationError("no more paper")
        yield ""


def test_the_report_has_the_figures_that_people_compare(demo: Settings) -> None:
    results = asyncio.run(compare(demo, replace(SMALL, streams=(1, 8), rounds=1), lambda _: None))
    report = as_json(results, this_machine(), SMALL)
    assert report["delivered_over_engine"] > 0
    assert report["delivered_over_engine_8"] > 0
    assert report["tenth_turn_over_engine"] > 0
    assert report["machine"]["cores"] >= 1
    assert [(row["who"], row["answers"]) for row in report["streams"]] == [
        (PARLEY, 1), (ENGINE, 1), (PARLEY, 8), (ENGINE, 8),
    ]  # fmt: skip
    texts = list(as_tables(results, this_machine(), SMALL).renderables)
    assert any("Parley delivers" in str(one) for one in texts)


@pytest.fixture
def two_rounds() -> Results:
    """Of two rounds, whose ratios have another median than the quotient of the medians."""
    results = Results(ModelInfo("tiny", "scripted", "cpu", "fp16", 2048))
    for who, seconds in ((PARLEY, (2.0, 1.0)), (ENGINE, (1.0, 4.0))):
        for each in seconds:
            results.sampled(who, 1, Sample(each, 100))
        results.tenth_turn[who] = list(seconds)
    results.cases["six"] = results.tenth_turn
    return results


def lines(results: Results, load: float = 0.0) -> list[str]:
    machine = replace(this_machine(), load=load)
    return [one for one in as_tables(results, machine, SMALL).renderables if isinstance(one, str)]


def test_the_text_has_the_ratios_of_the_json_and_says_how_they_are_taken(
    two_rounds: Results,
) -> None:
    report = as_json(two_rounds, this_machine(), SMALL)
    assert (report["tenth_turn_over_engine"], report["turns_over_engine"]["six"]) == (1.125, 1.125)
    text = lines(two_rounds)
    told = "1500 ms (Parley), 2500 ms (the engine alone); Parley takes 1.12 of the engine's time."
    assert f"First token at the tenth turn: {told}" in text
    assert f"First token {PEOPLE} people in turns: {told}" in text
    ratio = text.index("Parley delivers 2.25 of the engine's speed with one answer (0.50 to 4.00).")
    assert text[ratio + 1].startswith("Ratios are taken round by round")
    assert sum("round by round" in line for line in text) == 1


def test_without_the_engine_there_is_no_word_of_ratios(two_rounds: Results) -> None:
    del two_rounds.streams[ENGINE, 1], two_rounds.tenth_turn[ENGINE]
    text = "\n".join(lines(two_rounds))
    assert "First token at the tenth turn: 1500 ms (Parley).\n" in text
    assert "atio" not in text


def test_a_busy_machine_is_told(two_rounds: Results) -> None:
    assert not any("idle" in line for line in lines(two_rounds, BUSY_LOAD))
    (told,) = (line for line in lines(two_rounds, 1.26) if "idle" in line)
    assert told.startswith("The machine was not idle (load 1.3 at the start): other programs ran")


@pytest.mark.parametrize(("backend", "engine"), [("ipex", IPEX), ("llamacpp", LLAMACPP)])
def test_quick_leaves_others_out_and_not_whom_the_engine_alone_is(
    two_rounds: Results, backend: str, engine: str
) -> None:
    two_rounds.model = replace(two_rounds.model, backend=backend)
    two_rounds.leave_out(QUICK.left_out)
    assert set(two_rounds.missing) == {"generate", "continuous", IPEX, LLAMACPP} - {engine}


def test_a_ratio_is_of_the_same_round() -> None:
    results = Results(model=None)  # type: ignore[arg-type]
    for who, seconds in ((PARLEY, (2.0, 1.0)), (ENGINE, (1.0, 4.0))):
        for each in seconds:
            results.sampled(who, 1, Sample(each, 100))
    assert results.ratios(1) == [0.5, 4.0]
    assert Spread.of(results.ratios(1)) == Spread(2.25, 0.5, 4.0, 2)
    assert Spread.of([]) is None


async def test_ipex_llm_is_measured_where_its_environment_is(
    scripted: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    plan = Plan(streams=(1,), rounds=1, tokens=8, peers=(IPEX,), cases=())
    results = await compare(scripted, plan, lambda _: None)
    assert results.missing == {IPEX: "parley backend install ipex installs it"}
    folder = default_folder(cpu=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    assert installed("auto") == installed("cpu") == (str(interpreter_in(folder)), "cpu")
    assert installed("gpu") is None
    results = await compare(scripted, plan, lambda _: None)
    assert results.missing == {
        IPEX: f"{interpreter_in(folder)} cannot be started (No such file or directory)"
    }
