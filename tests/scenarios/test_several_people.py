"""Several people of one conversation are answered at the same time, on every platform."""

from bot.messages import Exchange, Prompt
from tests.scenarios.acting import answered, ask
from tests.scenarios.driver import Can, Group, GroupPlatform, Press, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

LONG, SHORT = "One two three four five six seven eight nine ten", "Yes."
SYSTEM = "Be kind."


def reply(prompt: Prompt) -> str:
    """Long or short, as the question wants it."""
    return LONG if "long" in prompt.question else SHORT


def paced() -> ScriptedGenerator:
    return ScriptedGenerator(reply, context=100_000, paced=True)


def texts(chat: Group) -> list[str]:
    return [answer.text for answer in chat.answers()]


async def begin_long(chat: Group, model: ScriptedGenerator, words: int = 2) -> None:
    """Ana asks, and can see the first words of her answer, which takes a while."""
    await chat.say(Who.ANA, "@bot A long one")
    await until(lambda: model.prompts)
    model.let(words)
    begun = " ".join(LONG.split()[:words])
    await until(lambda: begun in texts(chat))


@on_all_that_can(Can.OTHERS)
async def test_an_open_answer_is_in_nobody_elses_prompt(group: GroupPlatform) -> None:
    model = paced()
    async with group.running(model) as chat:
        await begin_long(chat, model)
        await chat.say(Who.BEN, "@bot Short?")
        await until(lambda: len(model.prompts) == 2)
        assert model.prompts == [
            Prompt(SYSTEM, (), "Ana: A long one"),
            Prompt(SYSTEM, (), "Ben: Short?"),
        ]
        assert model.writing == 2
        model.let(100)
        await chat.settled()
        assert sorted(texts(chat)) == sorted([LONG, SHORT])


@on_all_that_can(Can.OTHERS)
async def test_the_history_is_in_the_order_in_which_answers_ended(group: GroupPlatform) -> None:
    model = paced()
    async with group.running(model) as chat:
        await begin_long(chat, model)
        await chat.say(Who.BEN, "@bot Short?")
        await until(lambda: len(model.prompts) == 2)
        model.let(2)
        await until(lambda: model.writing == 1)
        await until(lambda: SHORT in texts(chat))
        await chat.say(Who.ADA, "@bot And now?")
        await until(lambda: len(model.prompts) == 3)
        model.let(100)
        await chat.settled()
        await chat.say(Who.BEN, "@bot Again?")
        await answered(chat, model, 4)
        ben = Exchange("Ben: Short?", SHORT)
        assert model.prompts[2] == Prompt(SYSTEM, (ben,), "Ada: And now?")
        assert model.prompts[3] == Prompt(
            SYSTEM,
            (ben, Exchange("Ada: And now?", SHORT), Exchange("Ana: A long one", LONG)),
            "Ben: Again?",
        )


@on_all_that_can(Can.OTHERS)
async def test_one_persons_questions_are_answered_one_after_the_other(
    group: GroupPlatform,
) -> None:
    model = paced()
    async with group.running(model) as chat:
        await begin_long(chat, model)
        await chat.say(Who.ANA, "@bot And a short one?")
        await chat.say(Who.BEN, "@bot Short?")
        await until(lambda: len(model.prompts) == 2)
        model.let(100)
        await answered(chat, model, 3)
        long, ben = Exchange("Ana: A long one", LONG), Exchange("Ben: Short?", SHORT)
        assert model.prompts[1] == Prompt(SYSTEM, (), "Ben: Short?")
        assert model.prompts[2] == Prompt(SYSTEM, (ben, long), "Ana: And a short one?")


@on_all_that_can(Can.OTHERS)
async def test_an_interrupted_answer_gets_the_same_prompt_again(group: GroupPlatform) -> None:
    model = paced()
    async with group.running(model) as chat:
        await ask_quickly(chat, model, Who.BEN, "First?")
        await begin_long(chat, model)
        await ask_beside(chat, model, Who.BEN, "Second?")
    first, second = Exchange("Ben: First?", SHORT), Exchange("Ben: Second?", SHORT)
    given = model.prompts[1]
    assert given == Prompt(SYSTEM, (first,), "Ana: A long one")
    again = ScriptedGenerator(reply, context=100_000)
    async with group.running(again) as chat:
        await answered(chat, again, 1)
        resumed = again.prompts[0]
        assert (resumed.history, resumed.question) == (given.history, given.question)
        assert resumed.answer.split() == LONG.split()[: len(resumed.answer.split())] != []
        assert LONG in texts(chat)
        await ask(chat, again, Who.ADA, "And now?", after=1)
        long = Exchange("Ana: A long one", LONG)
        assert again.prompts[1] == Prompt(SYSTEM, (first, second, long), "Ada: And now?")


async def ask_quickly(chat: Group, model: ScriptedGenerator, who: Who, text: str) -> None:
    """Ask a paced model, and wait for the whole short answer."""
    before = len(model.prompts)
    await chat.say(who, f"@bot {text}")
    await until(lambda: len(model.prompts) > before)
    model.let(1)
    await chat.settled()


async def ask_beside(chat: Group, model: ScriptedGenerator, who: Who, text: str) -> None:
    """The same while another answer is being written, which gets a word more."""
    before, done = len(model.prompts), texts(chat).count(SHORT)
    await chat.say(who, f"@bot {text}")
    await until(lambda: len(model.prompts) > before)
    model.let(2)
    await until(lambda: texts(chat).count(SHORT) > done)


@on_all_that_can(Can.OTHERS)
async def test_regenerate_keeps_its_place_among_the_others(group: GroupPlatform) -> None:
    said = {"Ana: One?": ["Old one.", "New one."], "Ben: Two?": ["Two."], "Ada: Three?": ["Three."]}
    model = ScriptedGenerator(lambda prompt: said[prompt.question].pop(0), context=100_000)
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One?")
        await ask(chat, model, Who.BEN, "Two?")
        first = chat.answers()[0]
        await chat.press(Who.ANA, Press.REGENERATE, first)
        await answered(chat, model, 3)
        await ask(chat, model, Who.ADA, "Three?")
        assert model.prompts[2] == Prompt(SYSTEM, (), "Ana: One?")
        assert model.prompts[3] == Prompt(
            SYSTEM,
            (Exchange("Ana: One?", "New one."), Exchange("Ben: Two?", "Two.")),
            "Ada: Three?",
        )


@on_all_that_can(Can.OTHERS, Can.EDITS)
async def test_an_edit_of_ones_newest_question_is_answered_again_in_its_place(
    group: GroupPlatform,
) -> None:
    model = ScriptedGenerator(lambda prompt: f"To {prompt.question}", context=100_000)
    async with group.running(model) as chat:
        said = await ask(chat, model, Who.ANA, "Wun?")
        await ask(chat, model, Who.BEN, "Two?")
        await chat.edit(said, "@bot One?")
        await answered(chat, model, 3)
        await ask(chat, model, Who.ADA, "Three?")
        assert model.prompts[2] == Prompt(SYSTEM, (), "Ana: One?")
        assert model.prompts[3] == Prompt(
            SYSTEM,
            (Exchange("Ana: One?", "To Ana: One?"), Exchange("Ben: Two?", "To Ben: Two?")),
            "Ada: Three?",
        )
