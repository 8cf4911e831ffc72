"""The loop applies commands between two steps and reports the usage of every answer."""

import queue
from collections.abc import Callable
from typing import Any

import pytest

from bot.worker.channel import Command
from bot.worker.loop import GATHER_SECONDS, Loop
from bot.worker.protocol import END, Ended, Facts, Request, Step, Usage


class CountingBackend:
    """Gives each answer one token a step; `during` may do something in the middle of a step."""

    def __init__(self, during: Callable[[int], None] = lambda step: None) -> None:
        self.open: dict[int, Request] = {}
        self.made: dict[int, list[int]] = {}
        self.steps = 0
        self._during = during

    def load(self, options: Any, report: Any) -> Facts:
        raise NotImplementedError

    def add(self, request: Request) -> None:
        if not request.prompt:
            raise ValueError("the prompt is empty")
        self.open[request.id] = request
        self.made[request.id] = []

    def cancel(self, request_id: int) -> None:
        del self.open[request_id]

    def step(self) -> Step:
        self.steps += 1
        self._during(self.steps)
        step = Step()
        for request in list(self.open.values()):
            self.made[request.id].append(self.steps)
            step.tokens.append((request.id, [self.steps]))
            if len(self.made[request.id]) == request.max_new_tokens:
                del self.open[request.id]
                step.ended.append(Ended(request.id, END, usage=Usage(cached_tokens=1)))
        return step


def add(answer_id: int, length: int, prompt: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
    return {
        "type": "add",
        "id": answer_id,
        "prompt": list(prompt),
        "stop": [],
        "max_new_tokens": length,
    }


CANCEL_1 = {"type": "cancel", "id": 1}
QUIT = {"type": "quit"}


class Bot:
    """The other end: commands go in, frames come out."""

    def __init__(self, step: float = 1.0) -> None:
        """`step`: seconds between two looks at the clock, of which each decoding step has one."""
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.frames: list[dict[str, Any]] = []
        self.time = 0.0
        self.step = step

    def say(self, message: dict[str, Any]) -> None:
        self.commands.put(Command(message, self.time))

    def clock(self) -> float:
        self.time += self.step
        return self.time

    def run(self, backend: CountingBackend) -> None:
        Loop(backend, self.commands, self.frames.append, self.clock).run()

    def ends(self) -> dict[int, dict[str, Any]]:
        return {e["id"]: e for frame in self.frames for e in frame["ended"]}


def quit_when_idle(bot: Bot, backend: CountingBackend) -> Callable[[dict[str, Any]], None]:
    def take(frame: dict[str, Any]) -> None:
        bot.frames.append(frame)
        if not backend.open:
            bot.say(QUIT)

    return take


def test_a_cancel_that_comes_during_a_step_ends_the_answer_before_the_next() -> None:
    bot = Bot()
    backend = CountingBackend(lambda step: bot.say(CANCEL_1) if step == 3 else None)
    bot.say(add(1, length=100))
    bot.say(add(2, length=5))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert backend.made == {1: [1, 2, 3], 2: [1, 2, 3, 4, 5]}
    assert bot.ends()[1]["reason"] == "cancelled"
    assert bot.ends()[1]["usage"]["completion_tokens"] == 3
    assert all(1 not in dict(f["tokens"]) for f in bot.frames if f["step"] > 3)


def test_one_frame_carries_the_tokens_of_all_answers() -> None:
    bot, backend = Bot(), CountingBackend()
    for answer_id in (1, 2, 3):
        bot.say(add(answer_id, length=2))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert [f["tokens"] for f in bot.frames] == [[(i, [n]) for i in (1, 2, 3)] for n in (1, 2)]
    assert [len(f["ended"]) for f in bot.frames] == [0, 3]


def test_tokens_of_fast_steps_are_sent_together_but_for_the_first_one() -> None:
    bot, backend = Bot(step=GATHER_SECONDS / 3), CountingBackend()
    bot.say(add(1, length=9))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert bot.frames[0]["tokens"] == [(1, [1])]
    assert len(bot.frames) < 6
    tokens = [token for frame in bot.frames for token in dict(frame["tokens"])[1]]
    assert tokens == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [len(frame["ended"]) for frame in bot.frames][-2:] == [0, 1]
    assert bot.ends()[1]["usage"]["completion_tokens"] == 9


def test_tokens_are_not_held_back_while_a_command_is_carried_out() -> None:
    """A new prompt may take long to read, and a cancelled answer gets what came before."""
    sent: list[int] = []  # tokens that had been sent when the second request came

    class Watching(CountingBackend):
        def add(self, request: Request) -> None:
            if request.id == 2:
                sent.extend(token for frame in bot.frames for token in dict(frame["tokens"])[1])
            super().add(request)

    def during(step: int) -> None:
        if step == 3:
            bot.say(add(2, length=1))
        if step == 5:
            bot.say(CANCEL_1)

    bot, backend = Bot(step=GATHER_SECONDS / 1000), Watching(during)
    bot.say(add(1, length=100))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert sent == [1, 2, 3]
    got = [token for frame in bot.frames for token in dict(frame["tokens"]).get(1, [])]
    assert got == [1, 2, 3, 4, 5]
    assert bot.ends()[1]["reason"] == "cancelled"


def test_what_came_before_a_step_that_fails_is_sent() -> None:
    def during(step: int) -> None:
        if step == 4:
            raise RuntimeError("the device is gone")

    bot, backend = Bot(step=GATHER_SECONDS / 1000), CountingBackend(during)
    bot.say(add(1, length=9))
    with pytest.raises(RuntimeError, match="the device is gone"):
        bot.run(backend)
    assert [token for frame in bot.frames for token in dict(frame["tokens"])[1]] == [1, 2, 3]


def test_nothing_is_held_back_while_the_backend_pauses() -> None:
    sent: list[int] = []

    class Pausing(CountingBackend):
        def step(self) -> Step:
            sent.append(sum(len(ids) for frame in bot.frames for _, ids in frame["tokens"]))
            step = super().step()
            step.pause = 1e-6
            return step

    bot, backend = Bot(step=GATHER_SECONDS / 1000), Pausing()
    bot.say(add(1, length=4))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert sent == [0, 1, 2, 3]


def test_usage_counts_from_the_arrival_of_the_request() -> None:
    bot, backend = Bot(), CountingBackend()
    bot.say(add(1, length=2, prompt=(5, 6, 7)))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    assert bot.ends()[1]["usage"] == {
        "prompt_tokens": 3,
        "cached_tokens": 1,
        "completion_tokens": 2,
        "first_token_seconds": 1.0,
        "total_seconds": 3.0,
    }


def test_a_request_that_cannot_be_served_fails_alone() -> None:
    bot, backend = Bot(), CountingBackend()
    bot.say(add(1, length=3, prompt=()))
    bot.say(add(2, length=3))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    ends = bot.ends()
    assert (ends[1]["reason"], ends[1]["message"]) == ("error", "the prompt is empty")
    assert ends[2]["reason"] == "end"


def test_what_the_operator_should_know_is_sent_once() -> None:
    class Noting(CountingBackend):
        def step(self) -> Step:
            step = super().step()
            step.notes = ["it is slow"] if self.steps == 2 else []
            return step

    bot, backend, sent = Bot(), Noting(), list[dict[str, Any]]()
    bot.say(add(1, length=3))
    quit_when = quit_when_idle(bot, backend)

    def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "step":
            quit_when(message)

    Loop(backend, bot.commands, send, bot.clock).run()
    notes = [message for message in sent if message["type"] == "note"]
    assert notes == [{"type": "note", "message": "it is slow"}]


def test_a_cancel_after_the_end_is_without_effect() -> None:
    bot, backend = Bot(), CountingBackend()
    bot.say(add(1, length=1))
    Loop(backend, bot.commands, quit_when_idle(bot, backend), bot.clock).run()
    bot.say(CANCEL_1)
    bot.say(QUIT)
    bot.run(backend)
    assert [frame["ended"][0]["reason"] for frame in bot.frames] == ["end"]
