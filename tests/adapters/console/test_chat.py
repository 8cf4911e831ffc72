"""A chat, line by line, with the engine behind it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from adapters.console.chat import Chat
from adapters.console.screen import RichScreen
from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.errors import GenerationError
from bot.messages import ConversationKey, ModelInfo, Person, Prompt, Question, Sampling
from bot.models.find import DEMO_NAME
from bot.ports import AnswerState, Quota
from storage.in_memory import MemoryStore
from tests.scripted_generator import ScriptedGenerator, echo

HERE = ConversationKey("console", "terminal")
ME = Person("console", "ana", "Ana", admin=True)
OPTIONS = EngineOptions(
    window=WindowOptions("Be kind.", True, Sampling(max_new_tokens=8, max_thinking_tokens=1000)),
    slots=2,
    queue=10,
    queue_per_person=10,
    quota=Quota(),
    question_characters=1000,
    checkpoint_interval=0.01,
)


class Typist:
    """Types the lines one after the other."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)
        self.during: dict[str, Callable[[], None]] = {}
        """What happens when a line was sent, before anything is done about it."""
        self._line = ""
        self.interrupt: Callable[[], None] = lambda: None

    async def read(self) -> str | None:
        self._line = self._lines.pop(0) if self._lines else ""
        return self._line or None

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        self.interrupt = interrupt
        if act := self.during.get(self._line):
            act()
        yield


@dataclass
class Desk:
    """A person's place: what is typed, and what the screen shows at the end."""

    generator: ScriptedGenerator = field(default_factory=ScriptedGenerator)
    store: MemoryStore = field(default_factory=MemoryStore)
    failed: bool = False
    fold: bool = False

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        clock = SystemClock()
        delivery = Delivery(clock, self.store, edit_interval=0.0, fold=self.fold)
        async with Engine(self.generator, self.store, delivery, clock, OPTIONS) as engine:
            yield engine

    async def chat(self, *lines: str, typist: Typist | None = None, resume: bool = True) -> str:
        """What the screen shows after a chat of these lines."""
        written = io.StringIO()
        screen = RichScreen(Console(file=written, width=100))
        async with self.engine() as engine:
            talk = Chat(engine, self.store, screen, HERE, ME)
            await talk.run(typist or Typist(*lines), resume=resume)
        self.failed = talk.failed
        return written.getvalue()


async def test_a_chat_is_remembered_by_the_next_one() -> None:
    desk = Desk()
    assert "scripted" in await desk.chat("one", "two")
    shown = await desk.chat("three")
    assert "2 earlier exchanges in this conversation" in shown
    assert "[one | two] three" in shown


def _greeting(name: str) -> str:
    written = io.StringIO()
    info = ModelInfo(name, backend="scripted", device="cpu", low_bit="", context=2048)
    RichScreen(Console(file=written, width=100)).greet(info)
    return written.getvalue()


def test_the_demo_model_says_what_it_is_what_to_type_and_how_to_get_a_real_model() -> None:
    shown = _greeting(DEMO_NAME)
    assert "demo model of Parley" in shown
    assert "“What can you do?”" in shown
    assert "parley model recommend" in shown
    assert "parley setup" in shown


def test_another_model_is_greeted_without_the_demo_models_welcome() -> None:
    shown = _greeting("my-llama")
    assert "You talk with my-llama" in shown
    assert "parley model recommend" not in shown


@pytest.mark.parametrize("leaving", ["stop", "STOP", " Stop ", "/quit"])
async def test_the_word_stop_ends_the_chat_with_a_sentence(leaving: str) -> None:
    desk = Desk()
    shown = await desk.chat("one", leaving, "never asked")
    assert shown.rstrip().endswith("Stream Chat with scripted stopped.")
    assert len(desk.generator.prompts) == 1


async def test_a_question_about_stopping_is_a_question() -> None:
    desk = Desk()
    await desk.chat("How do I stop?")
    assert desk.generator.prompts[0].question == "How do I stop?"


async def test_an_unknown_command_does_not_reach_the_model() -> None:
    desk = Desk()
    shown = await desk.chat("/rest", "/context now")
    assert "Did you mean /reset?" in shown
    assert "/context takes no argument." in shown
    assert desk.failed
    assert not desk.generator.prompts


async def test_ctrl_c_stops_the_answer_and_the_chat_goes_on() -> None:
    desk = Desk(ScriptedGenerator(lambda _: "a b c d e f", paced=True))
    typist = Typist("one", "/status", "stop")
    typist.during["one"] = lambda: stop_after_three_words(desk, typist)
    shown = await desk.chat(typist=typist)
    assert "a b c" in shown
    assert "stopped: /continue resumes it" in shown
    assert "Model: scripted" in shown
    assert desk.generator.steps == 3


def stop_after_three_words(desk: Desk, typist: Typist) -> None:
    desk.generator.let(3)

    def look() -> None:
        if desk.generator.steps < 3:
            asyncio.get_running_loop().call_soon(look)
        else:
            typist.interrupt()

    look()


async def test_ctrl_c_before_the_first_word_stops_as_well() -> None:
    desk = Desk(ScriptedGenerator(paced=True))
    typist = Typist("one", "stop")
    typist.during["one"] = lambda: typist.interrupt()
    assert "stopped" in await desk.chat(typist=typist)
    assert desk.generator.steps == 0


async def test_after_a_reset_the_prompt_holds_no_earlier_exchange() -> None:
    desk = Desk()
    shown = await desk.chat("one", "/reset", "two")
    assert "no longer see the earlier question" in shown
    assert "[] two" in shown


async def test_regenerate_shows_the_question_and_a_new_answer() -> None:
    answers = iter(["first", "second"])
    shown = await Desk(ScriptedGenerator(lambda _: next(answers))).chat("one", "/regenerate")
    assert shown.index("first") < shown.index("> one") < shown.index("second")


async def test_continue_goes_on_from_a_cut() -> None:
    desk = Desk(ScriptedGenerator(lambda _: " ".join("abcdefghijkl")))
    shown = await desk.chat("one", "/continue")
    assert "length limit reached: /continue for more" in shown
    assert "a b c d e f g h i j k l" in shown
    (exchange,) = await desk.store.exchanges(HERE)
    assert exchange.answer == "a b c d e f g h i j k l"


async def test_nothing_to_continue_is_one_line() -> None:
    shown = await Desk().chat("/continue", "/regenerate", "/stop")
    assert shown.count("There is no such answer any more.") == 2
    assert "Nothing is being answered here" in shown


async def test_the_system_prompt_can_be_changed_and_taken_back() -> None:
    desk = Desk()
    typed = ("/system Be rude.", "/system", "one", "/system default", "/system", "two")
    shown = await desk.chat(*typed)
    assert "The system prompt is set, from the next question on." in shown
    assert "System prompt: Be rude." in shown
    assert "The default system prompt is back, from the next question on." in shown
    assert "System prompt: Be kind." in shown
    assert [prompt.system for prompt in desk.generator.prompts] == ["Be rude.", "Be kind."]


async def test_stats_say_what_was_answered_in_this_conversation() -> None:
    shown = await Desk().chat("/stats", "Hello", "/stats")
    assert "Nothing was answered here in the last" in shown
    assert "1 answer, " in shown
    assert "Who asked most:" in shown


async def test_context_and_help_answer_without_the_model() -> None:
    desk = Desk(ScriptedGenerator(context=100))
    shown = await desk.chat("one", "/context", "/help")
    assert "of 100; " in shown
    assert "> one" in shown
    assert "/regenerate" in shown
    assert len(desk.generator.prompts) == 1


async def test_a_failure_is_shown_and_the_chat_goes_on() -> None:
    generator = ScriptedGenerator(lambda _: "a b c")
    generator.failures.append((1, GenerationError("the model ran out of memory")))
    desk = Desk(generator)
    shown = await desk.chat("one", "two")
    assert "the model ran out of memory" in shown
    assert "failed: /continue resumes it, /regenerate tries again" in shown
    assert "a b c" in shown
    assert desk.failed


@pytest.mark.parametrize(
    ("resume", "answer", "end"),
    [(True, "a b c d", "tokens"), (False, "a b", "interrupted: /continue resumes it")],
)
async def test_what_an_earlier_run_left_is_shown_with_its_question(
    resume: bool, answer: str, end: str
) -> None:
    desk = Desk(ScriptedGenerator(lambda _: "a b c d"))
    left = await desk.store.accept(Question(HERE, ME, "one", "event", direct=True), Quota())
    assert left is not None
    await desk.store.checkpoint(left.id, AnswerState.WRITING, "a b ")
    shown = await desk.chat(resume=resume)
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    at = lines.index("> one")
    assert lines[at + 1] == answer
    assert end in lines[at + 2]
    assert await desk.store.answers(unfinished=True) == []


async def test_several_answers_left_unfinished_are_shown_one_after_the_other() -> None:
    desk = Desk(ScriptedGenerator(echo))
    for text in ("one", "two", "three"):
        await desk.store.accept(Question(HERE, ME, text, text, direct=True), Quota())
    shown = await desk.chat()
    order = [shown.index(mark) for mark in ("> one", "] one", "> two", "] two", "> three")]
    assert order == sorted(order)


async def test_the_beginning_of_a_thought_is_shown_above_its_answer() -> None:
    desk = Desk(ScriptedGenerator(lambda _: "It is.", thought="Let me see. " * 60), fold=True)
    shown = await desk.chat("Is it?", "/settings reasoning=low", "/settings")
    above, _, below = shown.partition("It is.")
    assert "│ Let me see. Let me see." in above
    assert above.count("Let me see.") < 25
    assert "Let me see." not in below
    assert below.count("Thinking: low") == 2


def _in_short(prompt: Prompt) -> str:
    return "In short." if "--- messages" in prompt.question else "Yes."


async def test_summarize_sums_up_the_conversation_and_is_no_part_of_it() -> None:
    desk = Desk(ScriptedGenerator(_in_short))
    shown = await desk.chat("Is noon fine?", "/summarize", "/summarize 1h")
    assert shown.count("In short.") == 2
    assert "\nAna: Is noon fine?\nParley: Yes.\n" in desk.generator.prompts[-1].question
    assert len(await desk.store.exchanges(HERE)) == 1
    assert await desk.store.pending_summaries("console") == []


async def test_an_empty_conversation_is_not_summed_up() -> None:
    desk = Desk()
    assert "nothing to sum up" in await desk.chat("/summarize")
    assert desk.failed
