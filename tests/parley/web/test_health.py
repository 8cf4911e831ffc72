"""/healthz, /readyz, /metrics and /status.json before, during and after answers and failures."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from bot.errors import GenerationError, StorageError, SurfaceBusy
from bot.observer import (
    Event,
    PlatformConnected,
    PlatformLost,
    ServersAnswer,
    ServersFailed,
    WorkerEnded,
    WorkerStarted,
)
from bot.ports import AnswerState
from parley.web import database
from parley.web.live import Observers
from storage import open_store
from tests.parley.web.scene import SECRET_CHANNEL, SECRET_NAME, Scene, web_scene, web_settings
from tests.scaled_clock import ScaledClock
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


async def metrics(scene: Scene) -> dict[str, float]:
    """The samples of /metrics by name and labels, as they are written."""
    text = await (await (await scene.browser()).get("/metrics")).text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def ready(scene: Scene) -> tuple[int, list[str]]:
    """The status of /readyz, and the names of what is not well."""
    response = await (await scene.browser()).get("/readyz")
    facts: dict[str, Any] = await response.json()
    assert facts["ready"] is (response.status == 200)
    return response.status, [name for name, c in facts["checks"].items() if not c["ok"]]


async def test_before_the_model_is_loaded_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path), loaded=False) as scene:
        assert (await (await scene.browser()).get("/healthz")).status == 200
        assert await ready(scene) == (503, ["discord", "model", "database"])
        found = await metrics(scene)
        assert found["parley_model_up"] == 0
        assert found['parley_platform_connected{platform="discord"}'] == 0


async def test_it_is_ready_once_everything_works(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        assert await ready(scene) == (200, [])


async def test_metrics_tell_of_an_answer_while_it_waits_grows_and_has_ended(
    tmp_path: Path,
) -> None:
    generator = ScriptedGenerator(lambda _: "one two three four", paced=True)
    async with web_scene(web_settings(tmp_path), generator=generator) as scene:
        assert (await metrics(scene))["parley_answers_writing"] == 0
        job, waiting = await scene.ask(), await scene.ask()
        await until(lambda: generator.writing)
        found = await metrics(scene)
        assert found["parley_answers_writing"] == 1
        assert found["parley_queue_length"] == 1
        assert found['parley_questions_total{platform="discord"}'] == 2
        generator.let(8)
        await job.ended()
        await waiting.ended()
        found = await metrics(scene)
        labels = 'model="scripted",platform="discord"'
        assert found[f'parley_answers_total{{{labels},state="done"}}'] == 2
        assert found['parley_queue_wait_seconds_count{platform="discord"}'] == 2
        assert found['parley_generated_tokens_total{model="scripted"}'] == 8
        assert found['parley_context_used_ratio_count{model="scripted"}'] == 2
        assert found['parley_platform_calls_total{kind="post",platform="discord"}'] == 2
        assert found["parley_queue_length"] == 0


async def test_a_call_that_is_refused_and_the_pause_after_it_are_counted(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        scene.surface.fail(SurfaceBusy("slower", retry_after=0.01))
        await scene.answer()
        found = await metrics(scene)
        refused = (
            'parley_platform_calls_refused_total{kind="post",platform="discord",reason="busy"}'
        )
        assert found[refused] == 1
        assert found['parley_rate_limit_pauses_total{platform="discord"}'] == 1
        assert found['parley_rate_limit_pause_seconds_total{platform="discord"}'] > 0


async def test_answers_that_fail_are_counted_and_three_in_a_row_make_it_not_ready(
    tmp_path: Path,
) -> None:
    generator = ScriptedGenerator()
    generator.failures = [(0, GenerationError("it broke"))] * 3
    async with web_scene(web_settings(tmp_path), generator=generator) as scene:
        await scene.answer()
        await scene.answer()
        assert await ready(scene) == (200, [])
        await scene.answer()
        assert await ready(scene) == (503, ["model"])
        found = await metrics(scene)
        labels = 'model="scripted",platform="discord",state="failed"'
        assert found[f"parley_answers_total{{{labels}}}"] == 3
        await scene.answer()
        assert await ready(scene) == (200, [])


async def test_a_question_that_is_refused_is_counted_by_its_reason(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        with pytest.raises(Exception, match="empty"):
            await scene.ask(" ")
        found = await metrics(scene)
        labels = 'platform="discord",reason="NothingToDo"'
        assert found[f"parley_questions_refused_total{{{labels}}}"] == 1


@pytest.mark.parametrize(
    ("lost", "back", "part"),
    [
        (PlatformLost("discord"), PlatformConnected("discord"), "discord"),
        (WorkerEnded(given_up=False), WorkerStarted(again=True), "model"),
        (WorkerEnded(given_up=True), WorkerStarted(again=True), "model"),
        (ServersFailed(), ServersAnswer(), "model"),
    ],
)
async def test_it_is_not_ready_while_a_part_is_lost(
    tmp_path: Path, lost: Event, back: Event, part: str
) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        scene.live.observers.observe(lost)
        assert await ready(scene) == (503, [part])
        scene.live.observers.observe(back)
        assert await ready(scene) == (200, [])


async def test_a_restart_of_the_models_process_is_counted(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        for event in (WorkerStarted(again=False), WorkerEnded(given_up=False)):
            scene.live.observers.observe(event)
        found = await metrics(scene)
        assert found["parley_model_up"] == 0
        assert found["parley_worker_restarts_total"] == 0
        scene.live.observers.observe(WorkerStarted(again=True))
        found = await metrics(scene)
        assert found["parley_model_up"] == 1
        assert found["parley_worker_restarts_total"] == 1


async def test_a_locked_database_is_not_ready_and_the_other_pages_still_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    settings = web_settings(tmp_path)
    async with open_store(settings.database_url) as store:
        async with web_scene(settings, store=store) as scene:
            locking = sqlite3.connect(tmp_path / "parley.sqlite3", isolation_level=None)
            locking.execute("BEGIN EXCLUSIVE")
            assert await ready(scene) == (503, ["database"])
            assert (await metrics(scene))["parley_database_writable"] == 0
            assert (await (await scene.browser()).get("/healthz")).status == 200
            before = scene.live.recorder.now().seconds
            assert (await metrics(scene))["parley_uptime_seconds"] > before  # and so are numbers
            locking.close()
            await until(lambda: _writable(scene))
            assert (await metrics(scene))["parley_database_bytes"] > 0


async def _writable(scene: Scene) -> bool:
    return await ready(scene) == (200, [])


async def test_no_text_place_or_person_is_in_the_numbers(tmp_path: Path) -> None:
    generator = ScriptedGenerator(lambda _: "classified answer")
    async with web_scene(web_settings(tmp_path), generator=generator) as scene:
        await scene.answer("classified question")
        browser = await scene.browser()
        for path in ("/metrics", "/readyz", "/healthz", "/status.json"):
            text = await (await browser.get(path)).text()
            hidden = ("classified", SECRET_CHANNEL, SECRET_NAME, "guild", '"42"')
            assert not [word for word in hidden if word in text]


async def test_the_status_has_the_model_and_what_was_counted(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        await scene.answer()
        facts = await (await (await scene.browser()).get("/status.json")).json()
        assert facts["now"]["model"]["name"] == "scripted"
        assert facts["since_start"]["questions"] == 1
        assert facts["since_start"]["answers"] == {"done": 1}


async def test_an_observer_that_fails_is_told_nothing_more_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        told = 0

        def observe(self, event: Event) -> None:
            self.told += 1
            raise ValueError("broken")

    class Working:
        told = 0

        def observe(self, event: Event) -> None:
            self.told += 1

    broken, working, observers = Broken(), Working(), Observers()
    observers.add(broken)
    observers.add(working)
    for _ in range(2):
        observers.observe(PlatformConnected("discord"))
    assert (broken.told, working.told) == (1, 2)
    assert "Broken fails" in caplog.text


@contextmanager
def read_only(engine: Engine) -> Iterator[None]:
    """The file of this engine cannot be written meanwhile, as on a disk with errors."""

    mode = ["ON"]

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {mode[0]}")

    event.listen(engine, "begin", begin, insert=True)
    try:
        yield
    finally:
        mode[0] = "OFF"


async def test_with_a_read_only_database_answering_and_the_page_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "FRESH", 0.0)
    generator = ScriptedGenerator(lambda _: "one two three", paced=True)
    settings = web_settings(tmp_path)
    async with open_store(settings.database_url) as store:
        async with web_scene(
            settings, store=store, generator=generator, engine_clock=ScaledClock()
        ) as scene:
            job = await scene.ask("While it works")
            await until(lambda: generator.writing)
            browser = await scene.browser()
            await browser.log_in()
            with read_only(store._database.engine):  # type: ignore[attr-defined]
                generator.let(6)
                await until(lambda: job.text.strip() == "one two three")
                with pytest.raises(StorageError):
                    await scene.ask("Now it does not")
                for _ in range(3):
                    assert await ready(scene) == (503, ["database"])
                for path in ("/", "/conversations", "/use", "/verdicts", "/live.svg"):
                    response = await browser.get(path)
                    assert response.status == (404 if path == "/live.svg" else 200)
                assert "it fails; the log says why" in await (await browser.get("/")).text()
            await job.ended()
            assert "one two three" in scene.surface.joined()
            await until(lambda: _writable(scene))

            async def saved() -> bool:  # where it ended unsaved, the engine goes on trying
                return [one.state for one in await store.answers()] == [AnswerState.DONE]

            await until(saved)
    told = [line for line in caplog.messages if line.startswith("the database cannot be written")]
    assert len(told) == 1
    assert "\n" not in told[0]
