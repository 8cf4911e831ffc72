"""A day in the life of a Parley, for pictures of its page and for looking at it in a browser."""

import random
from datetime import UTC, datetime, timedelta

from bot.errors import GenerationError
from bot.measures import Measure, Series
from bot.messages import ConversationKey, Person
from bot.ports import Store
from tests.parley.web.page_bench import ANA, BEN, GENERAL, Scene

THREAD = ConversationKey("slack", "C0123456789", "1700000000.000100", "T0123456789")
MODELS = ("Llama-3.1-8B-Instruct", "demo")


async def tell(scene: Scene) -> None:
    """Fill the scene's store: a month of history, conversations, verdicts and a failure."""
    await _history(scene.store)
    for number, text in enumerate(QUESTIONS):
        where, by = (GENERAL, ANA) if number % 3 else (THREAD, BEN)
        job = await scene.answer(text, by, where)
        if number % 2:
            await scene.engine.rate(
                where, BEN if by is ANA else ANA, job.id, (1, -1)[number % 4 > 1]
            )
    scene.generator.failures.append((1, GenerationError("the model's process ended")))
    await scene.answer("And one that fails?", Person("discord", "3", "Käthe Ångström"))


QUESTIONS = (
    "When should I water the tomatoes?",
    "Why do the leaves of the tomatoes turn yellow, from the bottom up, since last week?",
    "What is a good companion plant for them?",
    "Write a haiku about compost.",
    "How long does compost take?",
    "Can I add coffee grounds?",
)


async def _history(store: Store) -> None:
    drawn, now = random.Random(7), datetime.now(UTC)
    for back in (*range(60), *range(60, 1440, 30), *range(1440, 43_200, 480)):
        moment = now - timedelta(minutes=back)
        platform = drawn.choice(("discord", "discord", "slack"))
        await store.add_measures(moment, list(_measures(drawn, platform, drawn.choice(MODELS))))


def _measures(drawn: random.Random, platform: str, model: str) -> list[Measure]:
    count = drawn.randint(0, 6)
    found = [Measure(Series.QUESTIONS, platform, model, count)]
    for _ in range(count):
        first, queue = drawn.expovariate(1.5), drawn.expovariate(0.7)
        found.append(Measure.of(Series.FIRST_TOKEN, platform, model, first))
        found.append(Measure.of(Series.QUEUE, platform, model, queue))
        found.append(Measure.of(Series.SPEED, platform, model, drawn.gauss(24, 4)))
    if drawn.random() < 0.2:
        series = drawn.choice((Series.FAILED, Series.STOPPED, Series.INTERRUPTED))
        found.append(Measure(series, platform, model))
    if drawn.random() < 0.3:
        found.append(Measure(drawn.choice((Series.UP, Series.UP, Series.DOWN)), platform, model))
    return found
