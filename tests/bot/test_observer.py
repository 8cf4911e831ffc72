"""What the core tells an observer."""

import pytest

from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.errors import GenerationError, Refusal, SurfaceBusy, SurfaceError
from bot.generation.openai.replicas import Replicas
from bot.messages import ConversationKey, Person, Question, Sampling
from bot.observer import (
    AnswerEnded,
    CallKind,
    CallMade,
    CallRefused,
    Event,
    QuestionAccepted,
    QuestionRefused,
    RateLimitPaused,
    ServersAnswer,
    ServersFailed,
)
from bot.ports import AnswerState, Quota, SurfaceLimits
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface
from tests.observing import Told
from tests.scripted_generator import ScriptedGenerator


def a_surface() -> FakeSurface:
    return FakeSurface(SystemClock(), SurfaceLimits(1900, edits_per_second=1e4, burst=10_000))


async def ask(
    generator: ScriptedGenerator, surface: FakeSurface, text: str = "how are you", event: str = "1"
) -> list[Event]:
    """Ask one question, wait for its end; returns what was told."""
    told, store, clock = Told(), MemoryStore(), SystemClock()
    options = EngineOptions(
        window=WindowOptions("", True, Sampling(max_new_tokens=100)),
        slots=1,
        queue=10,
        queue_per_person=10,
        quota=Quota(),
        question_characters=1000,
        checkpoint_interval=1.0,
    )
    delivery = Delivery(clock, store, edit_interval=0, observer=told)
    async with Engine(generator, store, delivery, clock, options, told) as engine:
        key, person = ConversationKey("test", "general"), Person("test", "1", "Ana")
        question = Question(key, person, text, event)
        job = await engine.ask(question, surface)
        assert job is not None
        await job.ended()
        assert await engine.ask(question, surface) is None  # the same event: nothing is told
    return told.events


async def test_a_question_and_its_answer_are_told_with_their_numbers() -> None:
    events = await ask(ScriptedGenerator(lambda _: "one two three"), a_surface())
    assert [event for event in events if isinstance(event, QuestionAccepted)] == [
        QuestionAccepted("test")
    ]
    (ended,) = [event for event in events if isinstance(event, AnswerEnded)]
    assert (ended.platform, ended.model) == ("test", "scripted")
    assert ended.state is AnswerState.DONE
    assert ended.usage.completion_tokens == 3
    assert ended.waited is not None
    assert ended.window == 2048


async def test_an_answer_that_failed_is_told_as_failed() -> None:
    generator = ScriptedGenerator()
    generator.failures = [(1, GenerationError("it broke"))]
    events = await ask(generator, a_surface())
    assert [event.state for event in events if isinstance(event, AnswerEnded)] == ["failed"]


async def test_calls_and_their_refusals_are_told() -> None:
    surface = a_surface()
    surface.fail(SurfaceBusy("slower", retry_after=0.01))
    surface.fail(SurfaceError("no"))
    events = await ask(ScriptedGenerator(), surface)
    refused = [event for event in events if isinstance(event, CallRefused)]
    assert refused == [
        CallRefused("test", CallKind.POST, busy=True),
        CallRefused("test", CallKind.POST, busy=False),
    ]
    (pause,) = [event for event in events if isinstance(event, RateLimitPaused)]
    assert pause.seconds >= 0.01
    made = [event for event in events if isinstance(event, CallMade)]
    assert made.count(CallMade("test", CallKind.POST)) == 1
    assert len(made) == len([call for call in surface.calls if call.done is not None])


async def test_a_limit_that_is_foreseen_is_a_pause_and_no_refusal() -> None:
    surface = a_surface()
    surface.fail(SurfaceBusy("used up", retry_after=0.01, foreseen=True))
    events = await ask(ScriptedGenerator(), surface)
    assert not [event for event in events if isinstance(event, CallRefused)]
    assert [event for event in events if isinstance(event, RateLimitPaused)] == [
        RateLimitPaused("test", 0.01)
    ]


async def test_a_question_that_is_refused_is_told_with_the_reason() -> None:
    told, store, clock = Told(), MemoryStore(), SystemClock()
    options = EngineOptions(
        window=WindowOptions("", True, Sampling()),
        slots=1,
        queue=1,
        queue_per_person=1,
        quota=Quota(),
        question_characters=5,
        checkpoint_interval=1.0,
    )
    delivery = Delivery(clock, store)
    async with Engine(ScriptedGenerator(), store, delivery, clock, options, told) as engine:
        key, person = ConversationKey("test", "general"), Person("test", "1", "Ana")
        with pytest.raises(Refusal):
            await engine.ask(Question(key, person, "far too long", "1"), a_surface())
    assert told.events == [QuestionRefused("test", "TooLong")]


def test_the_servers_are_lost_when_the_last_one_fails_and_back_with_the_first() -> None:
    told = Told()
    replicas = Replicas(["http://a", "http://b"], told)
    replicas.failed("http://a")
    replicas.failed("http://a")
    assert told.events == []
    replicas.failed("http://b")
    replicas.failed("http://b")
    assert told.events == [ServersFailed()]
    replicas.answered("http://b")
    replicas.answered("http://a")
    assert told.events == [ServersFailed(), ServersAnswer()]
