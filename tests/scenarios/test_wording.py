"""One wording: what people are told of an operation is the same text on every platform, up to the
names of the platform's own commands."""

from collections import defaultdict

from tests.scenarios.acting import COUNT, begin, counting, newest, stopped
from tests.scenarios.driver import (
    Can,
    Command,
    CommandNames,
    Group,
    GroupPlatform,
    Press,
    Where,
    Who,
)
from tests.scenarios.platforms import VARIANTS
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

CHANGES = {"temperature": "0.2", "length": "50", "names": "off"}
WRONG = {"temperature": "hot", "length": "long", "names": "perhaps"}


async def test_every_refusal_and_confirmation_has_one_wording() -> None:
    worded: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for variant in VARIANTS:
        async with variant.open() as group:
            told = await _told(group, several=Can.OTHERS in variant.can)
        for operation, text in told.items():
            worded[operation][variant.name] = text
    differing = {name: texts for name, texts in worded.items() if len(set(texts.values())) > 1}
    assert differing == {}
    assert len(worded) == 35
    assert all(len(texts) >= len(VARIANTS) - 1 for texts in worded.values())


async def _told(group: GroupPlatform, *, several: bool) -> dict[str, str]:
    """What is told, by operation, with placeholders for the names of commands."""
    model = counting()
    async with group.running(model) as chat:
        told = await _of_admins(chat, model)
        if several:
            told |= await _of_answers(chat, group)
            told |= await _of_rights(chat)
            told |= await _of_settings(chat)
            told |= await _of_questions(chat)
        return {operation: _unnamed(text, chat.names) for operation, text in told.items()}


def _unnamed(text: str, names: CommandNames) -> str:
    export = names.forget.replace("forget", "export")
    text = text.replace(names.reset, "(reset)").replace(names.forget, "(forget)")
    return text.replace(export, "(export)")


async def _of_admins(chat: Group, model: ScriptedGenerator) -> dict[str, str]:
    """What an admin does who may be alone. Leaves the conversation empty."""
    await begin(chat, model, Who.ADA)
    model.let(len(COUNT.split()) - 3)
    await chat.settled()
    status = await chat.command(Who.ADA, Command.STATUS)
    told = {"status": await status.text()}
    for prompt in ("Be terse.", ""):
        change = await chat.set_system_prompt(Who.ADA, prompt)
        told[f"system prompt {prompt}"] = await change.text()
    for operation, command in (
        ("stop nothing", Command.STOP),
        ("reset", Command.RESET),
        ("reset what is empty", Command.RESET),
    ):
        told[operation] = await (await chat.command(Who.ADA, command)).text()
    return told


async def _of_answers(chat: Group, group: GroupPlatform) -> dict[str, str]:
    """Stops and buttons, of an answer that is stopped in the end."""
    before = len(chat.answers())
    await chat.say(Who.ANA, "@bot Count.")
    await until(lambda: len(chat.answers()) > before)
    told = {}
    for button in Press:
        answer_id = (await newest(group.store)).id
        pressed = await chat.press_elsewhere(Who.ANA, button, answer_id, Where.ELSEWHERE)
        told[f"{button} in another place"] = await pressed.text()
    pressed = await chat.press(Who.BEN, Press.STOP, chat.answers()[-1])
    told["Stop by somebody else"] = await pressed.text()
    for command in (Command.STOP, Command.STOP_EVERYONE):
        used = await chat.command(Who.BEN, command)
        told[f"{command.name} by somebody else"] = await used.text()
    told["stopped"] = await (await chat.say(Who.ANA, "@bot stop")).told.text()
    await until(lambda: stopped(chat.answers()[-1]))
    for button in (Press.REGENERATE, Press.CONTINUE):
        pressed = await chat.press(Who.BEN, button, chat.answers()[-1])
        told[f"{button} by somebody else"] = await pressed.text()
    return told


async def _of_rights(chat: Group) -> dict[str, str]:
    """What only admins may do, done by Ben."""
    told = {}
    for command in (Command.RESET, Command.MUTE, Command.UNMUTE, Command.SETTINGS):
        changes = CHANGES if command is Command.SETTINGS else None
        used = await chat.command(Who.BEN, command, changes)
        told[f"{command.name} by somebody else"] = await used.text()
    change = await chat.set_system_prompt(Who.BEN, "Be rude.")
    told["system prompt by somebody else"] = await change.text()
    return told


async def _of_settings(chat: Group) -> dict[str, str]:
    told = {}
    for name, value in WRONG.items():
        used = await chat.command(Who.ADA, Command.SETTINGS, {name: value})
        told[f"a wrong {name}"] = await used.text()
    used = await chat.command(Who.ADA, Command.SETTINGS, CHANGES)
    told["settings changed"] = await used.text()
    told["muted"] = await (await chat.command(Who.ADA, Command.MUTE)).text()
    told["a question while muted"] = await (await chat.say(Who.BEN, "@bot Hello?")).told.text()
    told["unmuted"] = await (await chat.command(Who.ADA, Command.UNMUTE)).text()
    return told


async def _of_questions(chat: Group) -> dict[str, str]:
    """Questions of which nothing is left, and what people can know and delete of theirs."""
    picture = {"cat.png": b"\x89PNG"}
    told = {
        "a mention alone": await (await chat.say(Who.ANA, "@bot")).told.text(),
        "a picture alone": await (await chat.say(Who.ANA, "@bot", files=picture)).told.text(),
    }
    for operation, command in (
        ("privacy", Command.PRIVACY),
        ("forget", Command.FORGET_ME),
        ("forget nothing", Command.FORGET_ME),
    ):
        told[operation] = await (await chat.command(Who.ANA, command)).text()
    return told
