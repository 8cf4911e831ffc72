"""What the operator's page shows before, during and after answers, and to whom."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings, load
from bot.errors import GenerationError, StorageError
from bot.measures import Bucket
from bot.messages import ConversationKey, Person
from bot.ports import ConversationSettings
from parley.web.reports import in_force
from storage.in_memory import MemoryStore
from tests.parley.web.page_bench import ANA, BEN, GENERAL, Scene, a_scene
from tests.until import until

NASTY = '<script>alert("x")</script>\x1b[2J\x1b]0;owned\x07\u202eevil'
PAGES = ("/", "/conversations", "/verdicts", "/use", "/problems", "/doctor", "/settings")
PRIVATE = (*PAGES[1:], f"/conversation?key={GENERAL}", f"/export?key={GENERAL}")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene() as running:
        yield running


@pytest.fixture
async def paced() -> AsyncIterator[Scene]:
    async with a_scene(paced=True, reply="one two three four") as running:
        yield running


# ---------------------------------------------------------------- before, during, after


async def test_before_the_first_question_every_page_says_that_there_is_nothing(
    scene: Scene,
) -> None:
    overview = await scene.get("/")
    assert "Nothing is being answered." in overview
    assert "Nobody has rated an answer." in overview
    assert overview.count("Nothing in this period.") == 6
    assert "Nothing is stored." in await scene.get("/conversations")
    assert "No such verdicts." in await scene.get("/verdicts")


async def test_an_answer_is_shown_while_it_waits_and_is_written_and_then_no_more(
    paced: Scene,
) -> None:
    first, second = await paced.ask("Why?"), await paced.ask("And then?")
    paced.generator.let(2)
    await until(lambda: first.text == "one two ")
    rows = _running(await paced.get("/"))
    assert [row[:3] for row in rows] == [
        [str(first.id), "Discord", "writing"],
        [str(second.id), "Discord", "queued"],
    ]
    assert [row[4] for row in rows] == ["8", "0"]
    paced.generator.let(6)
    await first.ended()
    await second.ended()
    assert _running(await paced.get("/")) == []


def _running(page: str) -> list[list[str]]:
    """The cells of the table of answers."""
    table = re.search(r'<table id="running".*?</table>', page, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr data-answer.*?</tr>", table[0], re.DOTALL)
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


async def test_plots_show_answers_and_failures_once_they_ended(scene: Scene) -> None:
    await scene.answer("Why?")
    scene.generator.failures.append((1, GenerationError("broken")))
    await scene.answer("Again?")
    page = await scene.get("/")
    assert page.count("<img") >= 2
    status, picture = await scene.fetch("/plots/questions.svg?period=hour")
    assert status == 200
    assert picture.startswith("<svg")
    assert "<script" not in picture
    failures = re.search(r"failures\.svg.*?</figure>", page, re.DOTALL)
    assert failures is not None
    assert ">1</td>" in failures[0]


@pytest.mark.parametrize("period", ["hour", "day", "month", "century"])
@pytest.mark.parametrize("by", ["", "platform", "model", "person"])
async def test_plots_can_be_chosen_by_period_and_group_and_nothing_else(
    scene: Scene, period: str, by: str
) -> None:
    await scene.answer("Why?")
    assert "Questions" in await scene.get(f"/?period={period}&by={by}")
    assert (await scene.fetch(f"/plots/questions.svg?period={period}&by={by}"))[0] == 200


async def test_without_pygal_the_tables_have_the_numbers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.web.overview.CAN_DRAW", False)
    await scene.answer("Why?")
    page = await scene.get("/")
    assert "<img" not in page
    assert '<th scope="col" class="n">Questions</th>' in page
    assert (await scene.fetch("/plots/questions.svg"))[0] == 404


async def test_an_unknown_plot_is_not_found(scene: Scene) -> None:
    assert (await scene.fetch("/plots/salaries.svg"))[0] == 404


async def test_while_the_model_is_loaded_the_page_says_so(scene: Scene) -> None:
    parley, scene.live.parley = scene.live.parley, None
    assert "The model is being loaded." in await scene.get("/")
    assert (await scene.fetch("/conversations"))[0] == 503
    scene.live.parley = parley


async def test_a_database_that_fails_leaves_the_rest_of_the_page() -> None:
    class Failing(MemoryStore):
        async def buckets(self, *_: Any, **__: Any) -> list[Bucket]:
            raise StorageError("the database x is locked; wait")

    async with a_scene(store=Failing()) as scene:
        page = await scene.get("/")
        assert "the database x is locked; wait" in page
        assert "Being written" in page
        assert (await scene.fetch("/plots/questions.svg"))[0] == 503


# ---------------------------------------------------------------- who sees what


async def test_without_a_session_only_numbers_are_shown(paced: Scene) -> None:
    job = await paced.ask("My secret question?")
    paced.generator.let(1)
    await until(lambda: job.text)
    page = await paced.get("/", logged_in=False)
    assert "writing" in page
    for private in ("Ana", "My secret", str(GENERAL), "one "):
        assert private not in page
    assert "Ana" in await paced.get("/")
    paced.generator.let(3)
    await job.ended()


@pytest.mark.parametrize("path", PRIVATE)
async def test_texts_names_and_settings_need_a_session(scene: Scene, path: str) -> None:
    await scene.answer("Why?")
    assert (await scene.fetch(path, logged_in=False))[0] in (303, 401)


async def test_nothing_is_deleted_without_session_token_and_confirmation(scene: Scene) -> None:
    await scene.answer("Why?")
    key = str(GENERAL)
    form = {"key": key, "typed": "delete"}
    assert (await scene.send("/forget", form, logged_in=False))[0] == 401
    assert (await scene.send("/forget", form))[0] == 403
    assert (await scene.post("/forget", key=key, typed="yes"))[0] == 400
    assert len(await scene.store.exchanges(GENERAL)) == 1


# ---------------------------------------------------------------- markup in what people write


async def test_markup_and_escapes_in_names_and_texts_are_inert_on_every_page() -> None:
    nasty = Person("discord", "66", NASTY)
    async with a_scene(reply=NASTY) as scene:
        job = await scene.answer(NASTY, by=nasty)
        await scene.engine.rate(GENERAL, nasty, job.id, -1)
        pages = [*PAGES, f"/conversation?key={GENERAL}", "/conversations?search=script"]
        for path in [*pages, f"/conversations?search={NASTY[:8]}%1b[2J"]:
            page = await scene.get(path)
            assert "alert(" not in _tags(page), path
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page), path
        conversation = await scene.get(f"/conversation?key={GENERAL}")
        assert '<script>alert("x")</script>' in unescape(conversation)


def _tags(page: str) -> str:
    return "".join(re.findall("<[^>]*>", page))


async def test_a_model_named_with_markup_is_text_in_a_plot(scene: Scene) -> None:
    scene.history.model = "<b>\x1b[2J</b>"
    await scene.ask("Why?")
    await scene.history.save()
    _, picture = await scene.fetch("/plots/questions.svg?by=model")
    assert "<b>" not in picture


# ---------------------------------------------------------------- conversations


async def test_a_conversation_is_read_searched_exported_and_deleted(scene: Scene) -> None:
    await scene.answer("Why the moon?")
    await scene.answer("Elsewhere", where=ConversationKey("discord", "11", workspace="1"))
    assert str(GENERAL) in await scene.get("/conversations")
    assert "Why the moon?" in await scene.get(f"/conversation?key={GENERAL}")
    found = await scene.get("/conversations?search=MOON")
    assert "Why the moon?" in found
    assert "Elsewhere" not in found
    line = json.loads(await scene.get(f"/export?key={GENERAL}"))
    assert line["question"] == "Why the moon?"
    assert "> Why the moon?" in await scene.get(f"/export?key={GENERAL}&form=md")
    status, page = await scene.post("/forget", key=str(GENERAL), typed="delete")
    assert (status, "1 question of" in page) == (200, True)
    assert (await scene.fetch(f"/conversation?key={GENERAL}"))[0] == 404
    assert await scene.store.exchanges(GENERAL) == []


async def test_deleting_a_conversation_stops_what_is_written_in_it(paced: Scene) -> None:
    job = await paced.ask("Why?")
    paced.generator.let(1)
    await until(lambda: job.text)
    await paced.post("/forget", key=str(GENERAL), typed="delete")
    await job.ended()
    assert job.stopped


async def test_all_of_a_person_is_deleted_by_the_key(scene: Scene) -> None:
    await scene.answer("Mine")
    await scene.answer("Theirs", by=BEN)
    await scene.post("/forget", person=ANA.key, typed="delete")
    assert [one.question.text for one in await scene.store.exchanges(GENERAL)] == ["Theirs"]


async def test_long_lists_have_pages(scene: Scene) -> None:
    for number in range(30):
        await scene.answer(f"Question {number}?")
    first = await scene.get(f"/conversation?key={GENERAL}")
    assert "Question 29?" in first
    assert "Question 4?" not in first
    link = re.search(r'href="([^"]*before=\d+)">Older ones', first)
    assert link is not None
    rest = await scene.get(unescape(link[1]))
    assert "Question 4?" in rest
    assert "Older ones" not in rest


@pytest.mark.parametrize(
    "path",
    [
        "/conversation?key=nonsense",
        "/conversation?key=discord:1/2/3/4/5",
        "/conversation?key=",
        "/conversation",
        "/export?key=discord:1/404",
        "/conversation/../settings%2f..%2f",
        "/static/../templates/base.html",
        "/static/%2e%2e/state.py",
    ],
)
async def test_what_names_nothing_is_not_found(scene: Scene, path: str) -> None:
    assert (await scene.fetch(path))[0] == 404


@pytest.mark.parametrize(
    "before",
    [
        *("-1", "x", "99999999999999999999999", "9" * 5000, "1e5", "²"),
        *("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
async def test_a_page_of_a_list_that_is_no_number_is_no_error(scene: Scene, before: str) -> None:
    await scene.answer("Why?")
    await scene.get(f"/conversations?before={before}")
    await scene.get(f"/verdicts?before={before}")


# ---------------------------------------------------------------- reports


async def test_a_bad_verdict_is_shown_with_the_prompt_that_the_model_got(scene: Scene) -> None:
    await scene.answer("First?")
    job = await scene.answer("Second?")
    await scene.engine.rate(GENERAL, ANA, job.id, -1)
    page = unescape(await scene.get("/verdicts?only=bad"))
    assert "The prompt that the model got" in page
    prompt = page.partition('<dl class="prompt">')[2]
    for part in ("Be brief.", "Ana: First?", "So be it.", "Ana: Second?"):
        assert part in prompt
    assert "packed again" not in page
    assert "No such verdicts." in await scene.get("/verdicts?only=good")


async def test_a_prompt_of_an_earlier_run_is_packed_again_and_marked() -> None:
    store = MemoryStore()
    async with a_scene(store=store) as before:
        job = await before.answer("First?")
    async with a_scene(store=store) as scene:
        await scene.engine.rate(GENERAL, ANA, job.id, -1)
        page = unescape(await scene.get("/verdicts"))
        assert "packed again" in page
        assert "Ana: First?" in page


async def test_use_is_shown_by_day_person_and_place(scene: Scene) -> None:
    await scene.answer("Why?")
    page = await scene.get("/use?days=7")
    assert "Ana" in page
    assert str(GENERAL) in page
    await scene.get("/use?days=none")


def test_the_settings_in_force_show_no_password_of_an_address() -> None:
    settings = Settings.model_validate(
        {
            "model": {"openai": {"base_urls": ["http://me:swordfish@10.0.0.2/v1"]}},
            "storage": {"url": "postgresql+asyncpg://me:swordfish@host/parley"},
        }
    )
    shown = {(one.section, one.name): one.value for one in in_force(settings)}
    assert shown["model.openai", "base_urls"] == "http://****@10.0.0.2/v1"
    assert shown["storage", "url"] == "postgresql+asyncpg://****@host/parley"


async def test_problems_show_warnings_without_secrets() -> None:
    settings = Settings.model_validate(
        {"web": {"listen": "127.0.0.1:0"}, "discord": {"token": "swordfish"}}
    )
    async with a_scene(settings=settings) as scene:
        logging.getLogger("bot.test").warning("the token %s leaks", "swordfish")
        page = await scene.get("/problems")
        assert "the token [secret] leaks" in page
    assert not any("Problems" in type(one).__name__ for one in logging.getLogger("bot").handlers)


async def test_a_conversation_shows_its_own_settings_and_those_of_its_channel(
    scene: Scene,
) -> None:
    thread = replace(GENERAL, thread="77")
    await scene.answer("Why?", where=thread)
    await scene.store.change_settings(GENERAL, ConversationSettings(NASTY, temperature=0.7))
    own = ConversationSettings(max_new_tokens=300, show_names=False, muted=True)
    await scene.store.change_settings(thread, own)
    page = await scene.get(f"/conversation?key={thread}")
    shown = re.findall(r"<dt>([^<]*)</dt><dd class=\"text\">([^<]*)</dd>", page)
    assert dict(shown[:3]) == {
        "Longest answer": "300 tokens",
        "Names shown to the model": "no",
        "Muted": "yes",
    }
    assert "Settings of its channel" in page
    assert unescape(dict(shown)["System prompt"]).startswith('<script>alert("x")</script>\ufffd')
    assert dict(shown)["Temperature"] == "0.7"
    assert "<script>alert" not in page
    channel = await scene.get(f"/conversation?key={GENERAL}")  # settings, and no question
    assert "Settings of this conversation" in channel


def test_settings_name_their_origin_and_hide_secrets(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[model]\nname = "demo"\n[limits]\nqueue = 7\n')
    settings = load(file, {"PARLEY_LIMITS__QUEUE": "9", "PARLEY_DISCORD__TOKEN": "swordfish"})
    shown = {(one.section, one.name): (one.value, one.origin) for one in in_force(settings)}
    assert shown["model", "name"] == ("demo", "config.toml")
    assert shown["limits", "queue"] == ("9", "PARLEY_LIMITS__QUEUE")
    assert shown["discord", "token"] == ("set", "PARLEY_DISCORD__TOKEN")
    assert shown["slack", "bot_token"] == ("not set", "default")
    assert shown["model.llamacpp", "gpu_layers"] == ("-1", "default")


async def test_the_doctor_runs_once_at_a_time_and_shows_its_findings(scene: Scene) -> None:
    assert "did not run yet" in await scene.get("/doctor")
    assert (await scene.send("/doctor", {}))[0] == 403


@pytest.mark.process
async def test_the_doctors_button_runs_every_check_and_shows_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        f'[storage]\nurl = "sqlite:///{tmp_path}/none.sqlite3"\n[model]\nbackend = "scripted"\n'
        '[web]\nlisten = "127.0.0.1:0"\n',
        encoding="utf-8",
    )
    async with a_scene(settings=load(file, {})) as scene:
        assert (await scene.post("/doctor"))[0] == 303
        assert "The checks are running." in await scene.get("/doctor")
        assert (await scene.post("/doctor"))[0] == 303  # once at a time
        await until(lambda: _finished(scene))
        page = await scene.get("/doctor")
        for area in ("Python", "Settings", "Database", "Discord", "Slack"):
            assert f"<td>{area}</td>" in page
        assert '<td class="ok">ok</td>' in page
        assert "As of " in page


async def _finished(scene: Scene) -> bool:
    return "are running" not in await scene.get("/doctor")


@pytest.mark.process  # only tries to start one
async def test_checks_that_cannot_be_run_are_said_to_have_failed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    await scene.post("/doctor")
    await until(lambda: _finished(scene))
    assert "The checks failed" in await scene.get("/doctor")
    assert "/nowhere/python cannot be started" in caplog.text


# ---------------------------------------------------------------- live numbers


async def test_the_stream_tells_numbers_and_no_names(paced: Scene) -> None:
    job = await paced.ask("Secret?")
    paced.generator.let(1)
    await until(lambda: job.text)
    async with paced.http.get(f"{paced.url}/live") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        async for line in response.content:
            if line.startswith(b"data: "):
                break
    event = json.loads(line.removeprefix(b"data: "))
    assert (event["writing"], event["questions"]) == (1, 1)
    (running,) = event["running"]
    assert running.keys() == {"id", "platform", "state", "seconds", "characters"}
    assert (running["id"], running["state"], running["characters"]) == (job.id, "writing", 4)
    assert b"Secret" not in line
    assert b"Ana" not in line
    paced.generator.let(3)
    await job.ended()


async def test_an_open_stream_does_not_delay_the_end() -> None:
    async with a_scene() as scene:
        response = await scene.http.get(f"{scene.url}/live")
        await response.content.readline()
        reading = asyncio.create_task(response.content.read())
    assert b"writing" in await reading


# ---------------------------------------------------------------- the markup itself


@pytest.mark.parametrize("path", PAGES)
async def test_pages_need_no_script_and_nothing_from_elsewhere(scene: Scene, path: str) -> None:
    page = await scene.get(path)
    assert re.findall(r"<script[^>]*>", page) in ([], ['<script src="/static/live.js" defer>'])
    assert not re.search(r'\son\w+="|style="|javascript:', page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert '<html lang="en">' in page
    assert page.count("<h1") == 1
    assert '<main id="main"' in page
