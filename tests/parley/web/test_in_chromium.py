"""The operator's page in a real Chromium: with scripts and without, by keyboard, on a phone, and
what axe-core finds. Skipped where Chromium is not installed; `make test-page` installs it."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from parley.web.forms import SESSION_COOKIE
from tests.chromium import PROGRAM, Tab, a_tab
from tests.parley.web.page_bench import GENERAL, Scene, a_scene
from tests.parley.web.page_story import tell
from tests.until import until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not PROGRAM, reason="Chromium is not installed: make test-page"),
]

_AXE_FILE = Path(os.environ.get("PARLEY_TEST_AXE", "/nowhere"))
AXE = _AXE_FILE.read_text(encoding="utf-8") if _AXE_FILE.is_file() else ""
"""axe.min.js of axe-core (MPL-2.0), which the target downloads from npm."""
PAGES = (
    "/",
    "/?period=month&by=model",
    "/conversations",
    f"/conversation?key={GENERAL}",
    "/conversations?search=tomato",
    "/verdicts",
    "/use",
    "/settings",
    "/doctor",
    "/problems",
)
ALL_DRAWN = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene(reply="Once the soil is dry.") as running:
        await tell(running)
        yield running


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    async with a_tab() as opened:
        yield opened


async def log_in(scene: Scene, tab: Tab) -> None:
    await tab.cookie(scene.url, SESSION_COOKIE, scene.session)


async def test_live_numbers_appear_without_loading_the_page_again(tab: Tab) -> None:
    async with a_scene(paced=True, reply="one two three") as scene:
        await tab.go(f"{scene.url}/")
        job = await scene.ask("Why?")
        scene.generator.let(1)
        shown = "document.querySelector('[data-live=writing]').textContent"
        await until(lambda: _is(tab, shown, "1"))
        row = f"document.querySelector('[data-answer=\"{job.id}\"]').textContent"
        await until(lambda: _is(tab, f"{row}.includes('writing')", True))
        scene.generator.let(2)
        await job.ended()
        await until(lambda: _is(tab, "document.getElementById('answers').hidden", True))
        await tab.go("about:blank")
        assert tab.problems == []


async def test_plots_are_drawn_anew_while_the_page_is_open(tab: Tab) -> None:
    async with a_scene() as scene:
        await scene.answer("Why?")
        await tab.go(f"{scene.url}/")
        table = "document.querySelector('[data-plot=questions]')"
        await tab.evaluate(f"{table}.open = true")
        await tab.evaluate("document.getElementById('plots').dataset.every = 0")
        count = f"{table}.querySelector('tbody td').textContent"
        await scene.answer("And why that?")
        await until(lambda: _is(tab, count, "2"))
        assert await tab.evaluate(f"{table}.open")
        await until(lambda: _is(tab, ALL_DRAWN, True))
        await tab.go("about:blank")
        assert tab.problems == []


async def _is(tab: Tab, script: str, value: Any) -> bool:
    return bool(await tab.evaluate(script) == value)


async def test_when_the_server_ends_the_page_says_that_its_numbers_are_old(tab: Tab) -> None:
    async with a_scene() as scene:
        await tab.go(f"{scene.url}/")
        await until(lambda: _is(tab, "document.getElementById('stale').hidden", True))
    await until(lambda: _is(tab, "document.getElementById('stale').hidden", False))


async def test_every_page_is_complete_without_scripts(scene: Scene, tab: Tab) -> None:
    await log_in(scene, tab)
    await tab.without_scripts()
    for path in PAGES:
        await tab.go(scene.url + path)
        await tab.without_scripts(disabled=False)  # only to look
        assert await tab.evaluate("document.querySelector('main').innerText.length") > 20
        await tab.without_scripts()
    assert tab.problems == []


async def test_plots_are_drawn_and_the_security_policy_finds_nothing(
    scene: Scene, tab: Tab
) -> None:
    await log_in(scene, tab)
    await tab.go(f"{scene.url}/?period=month")
    await tab.evaluate("document.querySelectorAll('img').forEach((i) => i.loading = 'eager')")
    await until(lambda: _is(tab, ALL_DRAWN, True))
    assert await tab.evaluate("document.images.length") == 6
    assert tab.problems == []


@pytest.mark.parametrize("width", [320, 390])
async def test_no_page_is_wider_than_a_phone(scene: Scene, tab: Tab, width: int) -> None:
    await log_in(scene, tab)
    await tab.look(width, 800, phone=True)
    for path in PAGES:
        await tab.go(scene.url + path)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, path


async def test_the_keyboard_reaches_the_content_at_once_and_shows_where_it_is(
    scene: Scene, tab: Tab
) -> None:
    await log_in(scene, tab)
    await tab.go(f"{scene.url}/conversations")
    await tab.press("Tab")
    assert await tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    await tab.press("Enter")
    assert await tab.evaluate("document.activeElement.id") == "main"
    await tab.press("Tab")
    assert await tab.evaluate("document.activeElement.id") == "search"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await tab.evaluate(outline) == "solid"


@pytest.mark.skipif(not AXE, reason="PARLEY_TEST_AXE names no axe.min.js")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
@pytest.mark.parametrize("path", ["/login", *PAGES])
async def test_axe_finds_nothing(scene: Scene, tab: Tab, path: str, dark: bool, width: int) -> None:
    if path != "/login":
        await log_in(scene, tab)
    await tab.look(width, 900, dark=dark, phone=width < 600)
    await tab.go(scene.url + path)
    await tab.evaluate(AXE)
    found = await tab.evaluate("axe.run().then((results) => JSON.stringify(results.violations))")
    told = [
        (one["id"], one["impact"], [node["html"] for node in one["nodes"]])
        for one in json.loads(found)
    ]
    assert told == []
