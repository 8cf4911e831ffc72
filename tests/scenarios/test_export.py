"""A person's own data, sent to them alone, on every platform."""

import json

import pytest

from tests.scenarios.acting import ask, repeating
from tests.scenarios.driver import Can, Command, Group, GroupPlatform, Who
from tests.scenarios.platforms import on_all_that_can

SENT = "All that I have stored of you is in your direct messages with me now, as a file."


def files_of(chat: Group, who: Who) -> dict[str, bytes]:
    return {name: data for sent in chat.direct(who) for name, data in sent.files.items()}


@on_all_that_can(Can.DIRECT)
async def test_a_person_gets_what_they_asked_and_nothing_of_others(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "What of mine?")
        await ask(chat, model, Who.BEN, "What of Ben's?")
        told = await chat.command(Who.ANA, Command.EXPORT_ME)
        assert await told.text() == SENT
        ((name, data),) = files_of(chat, Who.ANA).items()
        assert files_of(chat, Who.BEN) == {}
    assert name.startswith("parley-export-20")
    exchange, usage = [json.loads(line) for line in data.splitlines()]
    assert (exchange["kind"], usage["kind"]) == ("exchange", "usage")
    assert (exchange["question"], exchange["name"]) == ("What of mine?", "Ana")
    assert [answer["text"] for answer in exchange["answers"]] == ["On Ana: What of mine?"]
    assert b"Ben" not in data


@on_all_that_can(Can.DIRECT)
async def test_what_is_too_large_for_one_file_comes_in_several_with_a_word(
    group: GroupPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for platform in ("discord.direct.DiscordDirect", "slack.direct.SlackDirect"):
        monkeypatch.setattr(f"adapters.{platform}.most_bytes", 1000)
    model = repeating()
    async with group.running(model) as chat:
        for number in range(3):
            await ask(chat, model, Who.ANA, f"Question {number} {'x' * 200}")
        told = await chat.command(Who.ANA, Command.EXPORT_ME)
        assert await told.text() == SENT.replace("a file", "3 files")
        files = files_of(chat, Who.ANA)
        texts = [sent.text for sent in chat.direct(Who.ANA) if sent.text]
    first, *others = files
    assert others == [first.replace(".jsonl", f"-{number}.jsonl") for number in (2, 3)]
    assert all(len(data) <= 1000 for data in files.values())
    lines = b"".join(files.values()).splitlines()
    asked = [json.loads(line).get("question", "")[:10] for line in lines]
    assert asked == ["Question 0", "Question 1", "Question 2", ""]
    assert texts[1] == "File 2: it goes on where the file before ends."
    assert texts[-1] == "That is all: 3 files. Joined in this order, they are one."


@on_all_that_can(Can.DIRECT)
async def test_who_takes_no_direct_messages_is_told_in_private(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "What of mine?")
        chat.close_direct(Who.ANA)
        told = await chat.command(Who.ANA, Command.EXPORT_ME)
        assert (await told.text()).startswith("I cannot send you a direct message.")
        posted = chat.posted()
        assert posted == 1


@on_all_that_can(Can.DIRECT)
async def test_who_never_asked_is_told_so(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "What of mine?")
        told = await chat.command(Who.BEN, Command.EXPORT_ME)
        assert await told.text() == "I have nothing stored of you."
        assert chat.direct(Who.BEN) == []
