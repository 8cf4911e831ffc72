"""What several scenarios do and look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.messages import Prompt
from bot.ports import ArchivedAnswer, Store, StoredAnswer
from tests.scenarios.driver import Answer, Group, GroupPlatform, Press, Said, Where, Who
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

COUNT = " ".join(f"word{n}" for n in range(20))


def counting(*, paced: bool = True) -> ScriptedGenerator:
    """A model that counts; with `paced`, as fast as the test lets it."""
    return ScriptedGenerator(lambda _: COUNT, context=100_000, paced=paced)


def repeating() -> ScriptedGenerator:
    """A model that repeats the question."""
    return ScriptedGenerator(lambda prompt: f"On {prompt.question}", context=100_000)


@asynccontextmanager
async def with_two_models(
    group: GroupPlatform,
) -> AsyncIterator[tuple[Group, ScriptedGenerator, ScriptedGenerator]]:
    """One run of Parley with the default model, which repeats the question, and the model "large",
    which always says LARGE; and both of them."""
    model, large = repeating(), ScriptedGenerator(lambda _: "LARGE", context=5000)
    group.add_model("large", large)
    async with group.running(model) as chat:
        yield chat, model, large


async def ask(
    chat: Group, model: ScriptedGenerator, who: Who, text: str, *, after: int | None = None
) -> Said:
    """Ask, and wait until the answer is shown. `after`: how many prompts come before this one,
    where some of them are still on their way."""
    before = len(model.prompts) if after is None else after
    said = await chat.say(who, f"@bot {text}")
    await answered(chat, model, before + 1)
    return said


async def answered(chat: Group, model: ScriptedGenerator, prompts: int) -> None:
    """Wait until the model was given so many prompts, and all answers are shown."""
    await until(lambda: len(model.prompts) >= prompts)
    await chat.settled()
    assert len(model.prompts) == prompts


async def asked_of(chat: Group, model: ScriptedGenerator, prompts: int) -> list[str]:
    """`answered`, and the questions that the model was given with the last of them, oldest
    first."""
    await answered(chat, model, prompts)
    return given(model.prompts[-1])


async def begin(
    chat: Group, model: ScriptedGenerator, who: Who, *, where: Where = Where.HERE
) -> Said:
    """Ask a paced model, and wait until the first words of the answer can be seen."""
    said = await chat.say(who, "@bot Count.", where=where)
    model.let(3)
    seen_in = Where.HERE if where is Where.CHANNEL else where
    await until(lambda: any(answer.text for answer in chat.answers(seen_in)))
    await until(lambda: model.steps % len(COUNT.split()) == 3)
    return said


def only(chat: Group, where: Where = Where.HERE) -> Answer:
    """The only answer in a place."""
    (answer,) = chat.answers(where)
    return answer


def stopped(answer: Answer) -> bool:
    """Whether it has ended before it was complete."""
    return Press.STOP not in answer.buttons and Press.CONTINUE in answer.buttons


def given(prompt: Prompt) -> list[str]:
    """The questions that the model was given, oldest first."""
    return [*(exchange.question for exchange in prompt.history), prompt.question]


async def newest(store: Store) -> StoredAnswer:
    """The answer to the newest question that is stored."""
    return (await store.answers(limit=1))[0]


async def questions(store: Store) -> list[str]:
    """All questions that are stored, oldest first."""
    return [answer.question.text for answer in reversed(await store.answers())]


async def archived(store: Store) -> list[ArchivedAnswer]:
    """All answers that are stored, those that were replaced too."""
    return [
        answer
        for summary in await store.conversations()
        async for exchange in store.archived(summary.conversation)
        for answer in exchange.answers
    ]
