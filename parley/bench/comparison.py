"""Takes turns between Parley and what generates without it, on the same prompts."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.config import Settings
from bot.errors import ConfigError, ModelError
from bot.generation.codec import Codec, load_codec
from bot.generation.options import WorkerOptions
from bot.generation.worker_generator import load_options
from bot.messages import Completion, ModelInfo, Prompt
from bot.worker.backends.llamacpp.binary import find_server
from bot.worker.gguf.files import is_gguf
from bot.worker.protocol import LoadError, LoadOptions
from parley.app import worker_options
from parley.bench.alone import Alone, Unavailable, alone
from parley.bench.delivered import Asked, Delivered, delivering
from parley.bench.samples import Sample
from parley.doctor.resolve import read_model, resolve_backend
from parley.environments import ipex
from parley.environments.llamacpp import server_path

logger = logging.getLogger(__name__)

CONTEXT = 2048
"""Tokens of the context window: enough for ten turns, and the same cache on both sides."""
TURNS = 10
SUBJECTS = ("a lighthouse", "two rivers", "an old clock", "a garden", "the night train", "a bridge")
FOLLOWING = "Go on, and say more about it."

LONG_TURNS = 24
"""Turns of a conversation that outgrows the context window and is cut."""
PEOPLE = 6
PEOPLE_TURNS = 6
"""Turns of each of several people, who ask one after the other."""
CASES = {
    "cut": "after the context was cut",
    "six": f"{PEOPLE} people in turns",
}
"""What else is measured of the time to the first token, by name."""

PARLEY, ENGINE, IPEX, LLAMACPP = "Parley", "the engine alone", "ipex-llm", "llama.cpp"
"""Who generated."""
ON_A_SERVER = "the model is on a server, which Parley did not start"
"""Why nobody else is measured with ``backend = "openai"``."""
SAMPLE = "In 1984 the Lighthouse wasn't lit: 3 of its 12 lamps (the oldest ones) were broken."
"""A text that tokenizers of different models divide differently."""
NO_OTHERS = "--quick measures no other programs"
"""Why those in `Plan.left_out` are missing."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    streams: tuple[int, ...] = (1, 2, 4, 8, 16)
    """How many answers at once."""
    rounds: int = 5
    tokens: int = 128
    """The longest answer."""
    seconds: float = 3600.0
    """No further round is begun after that long; at least one of each is made."""
    peers: tuple[str, ...] = ("generate", "continuous", IPEX)
    """Ways of `bot.worker.alone`, besides the engine of the backend; and ipex-llm's."""
    cases: tuple[str, ...] = ("cut", "six")
    """Conversations besides the ten turns: names in `CASES`."""
    gguf: str = ""
    """The same model as a GGUF file, for llama.cpp's server; "" leaves it out."""
    left_out: tuple[str, ...] = ()
    """Who is not measured because of `--quick`."""


FULL = Plan()
QUICK = Plan(
    streams=(1, 8),
    rounds=5,
    tokens=128,
    seconds=100.0,
    peers=(),
    cases=(),
    left_out=(*FULL.peers, LLAMACPP),
)


@dataclass(slots=True)
class Results:
    """What was measured, by who generated. Samples of the same place in two lists had the same
    prompts, one right after the other."""

    model: ModelInfo
    streams: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)
    """By who and by how many answers at once."""
    first_turn: dict[str, list[float]] = field(default_factory=dict)
    """Seconds to the first token in a new conversation, by who."""
    tenth_turn: dict[str, list[float]] = field(default_factory=dict)
    cases: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By the names in `CASES` and by who: seconds to the first token, turn by turn."""
    titles: dict[str, str] = field(default_factory=dict)
    """What each of them loaded."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why somebody was left out."""

    def sampled(self, who: str, streams: int, sample: Sample) -> None:
        self.streams.setdefault((who, streams), []).append(sample)

    def leave_out(self, others: Sequence[str]) -> None:
        """Say that `--quick` leaves these out, but for whom the engine alone is."""
        engine = {"ipex": IPEX, "llamacpp": LLAMACPP}.get(self.model.backend)
        self.missing |= {who: NO_OTHERS for who in others if who != engine}

    def ratios(self, streams: int) -> list[float]:
        """Parley's throughput over the engine's, round by round."""
        pairs = zip(
            self.streams.get((PARLEY, streams), ()),
            self.streams.get((ENGINE, streams), ()),
            strict=False,
        )
        return [one.throughput / other.throughput for one, other in pairs]

    def tenth_ratios(self) -> list[float]:
        """Parley's time to the first token at the tenth turn over the engine's."""
        pairs = zip(self.tenth_turn.get(PARLEY, ()), self.tenth_turn.get(ENGINE, ()), strict=False)
        return [one / other for one, other in pairs]

    def case_ratios(self, case: str) -> list[float]:
        """The same for one of `CASES`, turn by turn."""
        times = self.cases.get(case, {})
        pairs = zip(times.get(PARLEY, ()), times.get(ENGINE, ()), strict=False)
        return [one / other for one, other in pairs]


async def compare(settings: Settings, plan: Plan, say: Say, *, verbose: bool = False) -> Results:
    """Measure all of `plan`. `say` is told what is being done. Raises ConfigError and ModelError
    where Parley itself cannot answer, and for a `Plan.gguf` with which nothing can be compared;
    what else is missing is in the results."""
    if plan.gguf:
        await asyncio.to_thread(_check_gguf, settings, plan.gguf)
    settings = await prepared(settings, plan)
    say("Loading the model")
    async with AsyncExitStack() as stack:
        parley = await stack.enter_async_context(
            delivering(settings, tokens=plan.tokens, most=max(plan.streams))
        )
        run = _Run(plan, say, parley, Results(parley.model), time.monotonic() + plan.seconds)
        run.results.titles[PARLEY] = f"{parley.model.backend} on {parley.model.device}"
        run.results.leave_out(plan.left_out)
        if settings.model.backend == "openai":
            run.results.missing |= dict.fromkeys((ENGINE, *plan.peers), ON_A_SERVER)
            await run.streams(None, None)
            return run.results
        options = await asyncio.to_thread(worker_options, settings)
        codec = await asyncio.to_thread(load_codec, options)
        if plan.gguf:
            await _check_same_model(codec, options, plan.gguf)
        load = await asyncio.to_thread(load_options, options, codec, parley.model.context)
        sources = _Sources(load, parley.model.backend, options.python, settings, verbose)
        engine = await sources.opened(stack, ENGINE, run.results)
        await run.streams(engine, codec)
        await run.turns(engine, codec)
        await run.cases(engine, codec)
        await run.peers(sources, codec)
        return run.results


async def prepared(settings: Settings, plan: Plan) -> Settings:
    """The settings with the backend and device that they mean as they are, and with room for what
    is measured. Raises ModelError where the model cannot be read."""
    if settings.model.backend == "auto":
        # before `max_parallel` changes, on which the choice depends
        settings = (await resolve_backend(settings)).settings
    section, most = settings.model, CONTEXT
    if section.backend not in ("openai", "scripted"):
        most = min(most, (await asyncio.to_thread(read_model, settings)).context)
    changes = {
        "max_parallel": max(plan.streams),
        "context": min(section.context or most, most),
    }
    return settings.model_copy(update={"model": section.model_copy(update=changes)})


def _check_gguf(settings: Settings, file: str) -> None:
    """Whether llama.cpp's server can be measured with this file. Raises ConfigError, at once and
    not after everything else was measured."""
    if settings.model.backend == "openai":
        raise ConfigError(f"--gguf cannot be compared: {ON_A_SERVER}. Leave it out.")
    if not is_gguf(Path(file)):
        raise ConfigError(f"--gguf {file} is no GGUF file.")
    try:
        find_server(server_path(settings))
    except LoadError as error:
        raise ConfigError(f"--gguf: {error}") from error


async def _check_same_model(codec: Codec, options: WorkerOptions, file: str) -> None:
    """Raises ConfigError where the file is of another model, as far as the tokenizers tell."""
    text = Completion(SAMPLE)
    wanted = replace(options, model=Path(file), context=0, chat=False)
    try:
        other = await asyncio.to_thread(load_codec, wanted)
        theirs, ours = await other.encode(text), await codec.encode(text)
    except ModelError as error:
        raise ConfigError(f"--gguf: {error}") from error
    # One of them may begin with a token for the beginning, of which the other says nothing.
    if ours not in (theirs, theirs[1:]) and theirs != ours[1:]:
        raise ConfigError(
            f"--gguf {file} has another tokenizer than {options.name or codec.name}: it is another "
            "model. Give the same model as a GGUF file."
        )


def device_for(who: str, device: str) -> str:
    """``[model] device``, which the backend of Parley has named, as another library names it."""
    if who == LLAMACPP and device.startswith(("xpu", "cuda")):
        return "gpu"
    if who == IPEX and device.startswith("gpu"):
        return "xpu"
    return device


@dataclass(frozen=True, slots=True)
class _Sources:
    """How the processes that generate without Parley are started."""

    load: LoadOptions
    backend: str
    python: str
    settings: Settings
    verbose: bool

    def of(self, who: str, gguf: str) -> tuple[str, LoadOptions, str]:
        """By which way, with what and under which interpreter somebody generates. Raises
        Unavailable."""
        if who == ENGINE:
            return "engine", replace(self.load, backend=self.backend), self.python
        if who == LLAMACPP:
            device = device_for(who, self.load.device)
            load = replace(self.load, backend="llamacpp", model=gguf, device=device)
            return "engine", load, self.python
        if who != IPEX:
            return who, replace(self.load, backend=self.backend), self.python
        found = ipex.installed(device_for(who, self.load.device))
        if found is None:
            raise Unavailable("parley backend install ipex installs it")
        python, device = found
        return "engine", replace(self.load, backend="ipex", device=device), python

    async def opened(
        self, stack: AsyncExitStack, who: str, results: Results, gguf: str = ""
    ) -> Alone | None:
        """The process of somebody who generates, ended with the stack; None, with the reason in the
        results, where it does not work here. `gguf`: the file for llama.cpp."""
        passed_on = self.settings.model.environment
        try:
            way, load, python = self.of(who, gguf)
            running = await stack.enter_async_context(
                alone(way, load, python=python, passed_on=passed_on, verbose=self.verbose)
            )
        except Unavailable as reason:
            results.missing[who] = str(reason)
            return None
        results.titles[who] = running.title
        return running


class _Run:
    """The measurements, one after the other."""

    def __init__(
        self, plan: Plan, say: Say, parley: Delivered, results: Results, until: float
    ) -> None:
        self.results = results
        self._plan = plan
        self._say = say
        self._parley = parley
        self._until = until
        self._number = 0
        self._first: list[list[int]] = []
        """The prompt of the answer before the first round."""
        self._asked: dict[int, list[list[list[int]]]] = {}
        """The prompts of each round, by the number of answers at once."""

    async def streams(self, engine: Alone | None, codec: Codec | None) -> None:
        """Throughput, for each number of answers at once."""
        # what is computed once is computed now
        self._first = await self._pair(1, engine, codec, record=False)
        for streams in self._plan.streams:
            async for _ in self._rounds(f"{streams} at once"):
                prompts = await self._pair(streams, engine, codec, record=True)
                self._asked.setdefault(streams, []).append(prompts)

    async def _pair(
        self, streams: int, engine: Alone | None, codec: Codec | None, *, record: bool
    ) -> list[list[int]]:
        """One round of Parley, and one of the engine on the prompts that the model got."""
        asked = await self._parley.ask([self._question() for _ in range(streams)])
        if record:
            self.results.sampled(PARLEY, streams, asked.sample)
        if codec is None:
            return []
        prompts = await _encoded(codec, asked.prompts)
        if engine is not None:
            sample = await engine.run(prompts, codec.stops, self._plan.tokens)
            if record:
                self.results.sampled(ENGINE, streams, sample)
        return prompts

    async def turns(self, engine: Alone | None, codec: Codec) -> None:
        """The time to the first token, in a new conversation and at its tenth turn."""
        async for number in self._rounds(f"{TURNS} turns"):
            asked: list[Asked] = []
            for turn in range(TURNS):
                question = FOLLOWING if turn else self._question()
                asked.append(await self._parley.ask([question], conversation=f"turns {number}"))
            self._turned(PARLEY, [one.sample for one in asked])
            if engine is None:
                continue
            samples = []
            for one in asked:
                prompts = await _encoded(codec, one.prompts)
                samples.append(await engine.run(prompts, codec.stops, self._plan.tokens))
            self._turned(ENGINE, samples)

    async def cases(self, engine: Alone | None, codec: Codec) -> None:
        """The time to the first token in the conversations of `CASES` that are planned."""
        if engine is None:
            return
        if "cut" in self._plan.cases:
            await self._after_the_cut(engine, codec)
        if "six" in self._plan.cases:
            await self._people(engine, codec)

    async def _after_the_cut(self, engine: Alone, codec: Codec) -> None:
        """One conversation beyond its context window. The turn that is cut reads most of it anew,
        on both sides; those after it count, in which only what is new is to be read."""
        before, cut = 0, False
        for turn in range(LONG_TURNS):
            self._say(f"a long conversation, turn {turn + 1}")
            asked = await self._parley.ask([FOLLOWING], conversation="long")
            again = await engine.run(await _encoded(codec, asked.prompts), codec.stops, self._most)
            (prompt,) = asked.prompts
            turns = len(prompt.history) if isinstance(prompt, Prompt) else 0
            if cut and turns > before:
                self._timed("cut", asked.sample, again)
            before, cut = turns, cut or turns < before

    async def _people(self, engine: Alone, codec: Codec) -> None:
        """Several people in conversations of their own, of which each has a turn in turn."""
        begun = [self._question() for _ in range(PEOPLE)]
        for turn in range(PEOPLE_TURNS):
            self._say(f"{PEOPLE} people, turn {turn + 1}")
            for person in range(PEOPLE):
                question = FOLLOWING if turn else begun[person]
                asked = await self._parley.ask([question], conversation=f"person {person}")
                prompts = await _encoded(codec, asked.prompts)
                again = await engine.run(prompts, codec.stops, self._most)
                if turn:
                    self._timed("six", asked.sample, again)

    @property
    def _most(self) -> int:
        return self._plan.tokens

    def _timed(self, case: str, parley: Sample, engine: Sample) -> None:
        if parley.first and engine.first:
            times = self.results.cases.setdefault(case, {PARLEY: [], ENGINE: []})
            times[PARLEY].append(parley.first[0])
            times[ENGINE].append(engine.first[0])

    def _turned(self, who: str, samples: Sequence[Sample]) -> None:
        if samples[0].first and samples[-1].first:
            self.results.first_turn.setdefault(who, []).append(samples[0].first[0])
            self.results.tenth_turn.setdefault(who, []).append(samples[-1].first[0])

    async def peers(self, sources: _Sources, codec: Codec) -> None:
        """The throughput of others, round by round on Parley's prompts, none of which they have
        in a prefix cache."""
        others = [*self._plan.peers, *([LLAMACPP] if self._plan.gguf else [])]
        for who in others:
            if who == IPEX and sources.backend == "ipex":
                continue  # the engine alone is ipex-llm
            self._say(f"Loading the model for {who}")
            async with AsyncExitStack() as stack:
                peer = await sources.opened(stack, who, self.results, self._plan.gguf)
                if peer is not None:
                    await self._peer(who, peer, codec)

    async def _peer(self, who: str, peer: Alone, codec: Codec) -> None:
        try:
            await peer.run(self._first, codec.stops, self._plan.tokens)
            for streams, asked in self._asked.items():
                async for number in self._rounds(f"{who}, {streams} at once", len(asked)):
                    sample = await peer.run(asked[number], codec.stops, self._plan.tokens)
                    self.results.sampled(who, streams, sample)
        except Unavailable as reason:
            self.results.missing[who] = str(reason)

    async def _rounds(self, what: str, most: int | None = None) -> AsyncIterator[int]:
        """The numbers of the rounds, of `most` or of those that are planned: at least one, and no
        further one when the time is over."""
        for number in range(self._plan.rounds if most is None else most):
            if number and time.monotonic() > self._until:
                return
            self._say(f"{what}, round {number + 1}")
            yield number

    def _question(self) -> str:
        """A question whose beginning nobody asked before, so that no cache holds it."""
        self._number += 1
        subject = SUBJECTS[self._number % len(SUBJECTS)]
        return f"{self._number}: Tell me a long story about {subject}, with many details."


async def _encoded(codec: Codec, prompts: Sequence[Prompt | Completion]) -> list[list[int]]:
    return [await codec.encode(prompt) for prompt in prompts]
