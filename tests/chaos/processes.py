"""`parley run` as a process, with the scripted backend and a loopback platform: kill -9 of the bot
and of its worker, SIGTERM, and restarts in the middle of answers, regenerations and edits.

What is done in which order is the seed's; when exactly it happens depends on the machine.
"""

import asyncio
import os
import signal
import sqlite3
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.stages import Stage, stage_on
from tests.chaos.thoughts import above
from tests.fake_surface import shows
from tests.parley.parley_program import MAIN, Program

SCRIPT = " ".join(f"word{number}" for number in range(420))
"""Two messages on Discord."""
THOUGHT = " ".join(f"hm{number}" for number in range(150))
"""What the model thinks before, with every odd seed."""
PACE = {
    "PARLEY_DELIVERY__EDIT_INTERVAL": "0.05",
    "PARLEY_DELIVERY__CHECKPOINT_INTERVAL": "0.2",
    "PARLEY_MODEL__SCRIPTED__TEXT": SCRIPT,
    "PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "300",
}
REST_SECONDS = 90.0
"""For all to come to its end after the last start."""
ENDS = {"cut", "stopped", "interrupted", "failed"}


@dataclass(slots=True)
class Observed:
    """What one schedule showed."""

    seed: int
    platform: str
    events: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def report(self) -> str:
        """The whole schedule, for whoever looks for the cause of a violation."""
        head = f"seed {self.seed} on {self.platform}: {len(self.violations)} violations"
        return "\n".join([head, *self.violations, "", *self.events])


@dataclass(frozen=True, slots=True)
class Row:
    """A current answer in the database."""

    question: str
    """The message id of its question."""
    answer: int
    state: str
    text: str
    thought: str
    unfinished: bool
    messages: tuple[str, ...]


async def run_processes(seed: int, platform: str, folder: Path) -> Observed:
    """Run one schedule of whole processes in `folder`."""
    observed = Observed(seed, platform)
    async with stage_on(platform) as stage:
        program = Program(folder, {**PACE, **_thinking(seed), **stage.settings})
        await _Schedule(observed, stage, program).run()
    return observed


def _thinking(seed: int) -> dict[str, str]:
    """The settings of a model that thinks, hidden or folded; none with an even seed."""
    if seed % 2 == 0:
        return {}
    return {
        "PARLEY_MODEL__SCRIPTED__TEXT": f"<think>{THOUGHT}</think>{SCRIPT}",
        "PARLEY_CONVERSATION__THINKING": "fold" if seed % 4 == 3 else "hide",
    }


class _Schedule:
    def __init__(self, observed: Observed, stage: Stage, program: Program) -> None:
        self._observed = observed
        self._stage = stage
        self._program = program
        self._seed = observed.seed
        self._draw = Random(f"{observed.seed} processes")
        self._begun = time.monotonic()

    async def run(self) -> None:
        lives = self._draw.choice([2, 2, 3])
        for number in range(lives):
            process = await self._start()
            try:
                await self._act(process, first=number == 0)
                if number == lives - 1:
                    await self._rest()
                    self._end(process, signal.SIGTERM)
                else:
                    kinds = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]
                    self._end(process, self._draw.choice(kinds))
            finally:
                await self._gone(process)
        found = rows(self._program.database)
        for what in (*violations(self._stage, found), *wrong_thoughts(self._seed, found)):
            self._wrong(what)
        if self._observed.violations:
            self._tell_the_end()

    def _tell(self, event: str) -> None:
        passed = time.monotonic() - self._begun
        self._observed.events.append(f"{passed:7.2f} {event}")

    def _tell_the_end(self) -> None:
        """What is stored, what is seen, and the log, of a schedule that violates."""
        for row in rows(self._program.database):
            self._tell(f"stored: {row!r:.300} … {row.text[-40:]!r} in {row.messages}")
        for message in self._stage.seen():
            self._tell(f"seen: {message!r:.300} … {message.text[-40:]!r}")
        log = self._program.log
        self._observed.events += log.read_text().splitlines() if log.exists() else ["no log"]

    def _wrong(self, what: str) -> None:
        self._observed.violations.append(what)

    async def _start(self) -> Process:
        self._tell("start")
        process = await asyncio.create_subprocess_exec(
            *MAIN,
            "run",
            env=self._program.environment,
            cwd=self._program.folder,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(REST_SECONDS):
            for _ in range(2):  # the model is loaded; the platform is connected
                if not await process.stdout.readline():
                    self._wrong("parley run ended at its start")
        return process

    async def _act(self, process: Process, *, first: bool) -> None:
        kinds = ["ask", "edit", "regenerate", "delete", "nothing", "kill the worker"]
        chosen = ["ask", *self._draw.choices(kinds, k=2)] if first else [self._draw.choice(kinds)]
        for kind in chosen:
            self._tell(kind)
            await self._do(kind, process)
            await asyncio.sleep(self._draw.choice([0.02, 0.2, 0.6, 1.8]))

    async def _do(self, kind: str, process: Process) -> None:
        match kind:
            case "ask":
                await self._stage.ask()
            case "edit":
                await self._stage.edit()
            case "delete":
                await self._stage.delete()
            case "regenerate":
                await self._stage.press("regenerate")
            case "kill the worker":
                self._tell(f"  {kill_children(process.pid)} processes killed")

    def _end(self, process: Process, how: signal.Signals) -> None:
        self._tell(how.name)
        if process.returncode is None:
            process.send_signal(how)

    async def _rest(self) -> None:
        """Nothing more happens: wait until every answer has its end."""
        await asyncio.sleep(0.5)  # events on their way
        try:
            async with asyncio.timeout(REST_SECONDS):
                while any(row.unfinished for row in rows(self._program.database)):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self._wrong(f"not at rest after {REST_SECONDS:g} s")
        await asyncio.sleep(0.5)  # buttons of deleted questions go after the answer's end

    async def _gone(self, process: Process) -> None:
        if process.returncode is None and "SIG" not in self._observed.events[-1]:
            process.kill()
        for stream in await process.communicate():
            text = stream.decode("utf-8", "replace")
            if "Traceback" in text or "defect" in text:
                self._wrong(f"in the output: {text[-4000:]}")


def kill_children(pid: int) -> int:
    """Kill the processes that this one started. Returns their number."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    return len(children)


def rows(database: Path) -> list[Row]:
    """The current answers, oldest first."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute(
            "SELECT message_id, answers.id, state, answers.text, thought, unfinished FROM answers"
            " JOIN questions ON questions.id = question_id WHERE current ORDER BY answers.id"
        ).fetchall()
        shown = connection.execute("SELECT answer_id, message FROM shown ORDER BY part").fetchall()
    return [
        Row(question, answer, state, text, thought, bool(unfinished), _of(answer, shown))
        for question, answer, state, text, thought, unfinished in found
    ]


def _of(answer: int, shown: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(message for shown_by, message in shown if shown_by == answer)


def wrong_thoughts(seed: int, found: list[Row]) -> Iterator[str]:
    """What does not hold of the thoughts that are stored with whole answers."""
    whole = THOUGHT if _thinking(seed) else ""
    for row in found:
        if row.state == "done" and row.thought != whole:
            many = f"{len(row.thought)} of {len(whole)}"
            yield f"answer {row.answer} has {many} characters of its thought"


def violations(stage: Stage, found: list[Row]) -> Iterator[str]:
    """What does not hold of what people see and of what is stored."""
    seen = {message.ref: message for message in stage.seen()}
    known = {ref for row in found for ref in row.messages}
    for row in found:
        if row.unfinished:
            yield f"answer {row.answer} is {row.state} and unfinished"
            continue
        messages = [seen[ref] for ref in row.messages if ref in seen]
        if not messages or len(messages) < len(row.messages):
            yield f"answer {row.answer} ({row.state}) is not shown"
            continue
        texts = [message.text for message in messages if message.text]
        texts[:1] = [above(text)[1] for text in texts[:1]]
        if not shows(texts, row.text):
            yield f"answer {row.answer} shows {len(''.join(texts))} of {len(row.text)} characters"
        if row.state == "done" and row.text != SCRIPT:
            yield f"answer {row.answer} is done with {len(row.text)} of {len(SCRIPT)} characters"
        if row.state == "stopped":
            yield f"answer {row.answer} says Stopped, which nobody did"
        if row.state in ENDS and not messages[-1].note:
            yield f"answer {row.answer} ({row.state}) does not say what happened"
        if any("stop" in message.buttons or message.streaming for message in messages):
            yield f"answer {row.answer} ({row.state}) has a Stop button, or streams"
    for message in stage.seen():
        if message.ref in known:
            continue
        if not stage.deleted:
            yield f"orphan {message.ref}: {message.text[:40]!r} {message.note!r}"
        elif message.buttons or not message.text.strip():
            yield f"what is left of a deleted question: {message.note!r} {message.buttons}"
