"""The server beside the platforms: when it cannot start, and how it ends."""

import asyncio
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from bot.config import load
from parley.web.live import Live
from parley.web.local import ask_status, find_server, published
from parley.web.server import is_loopback, serving_web
from tests.parley.web.scene import web_scene, web_settings


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_without_an_address_it_is_off(tmp_path: Path) -> None:
    settings = web_settings(tmp_path, listen="")
    async with serving_web(Live(settings, [])) as url:
        assert url == ""
        assert files_in(tmp_path) == []


async def test_a_taken_port_is_one_line_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with web_scene(web_settings(tmp_path, listen=listen)) as scene:
            assert scene.url == ""
            await scene.answer()
            assert scene.live.recorder.now().questions == 1
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"[web] listen: {listen} is taken by another program" in line.message
    assert line.exc_info is None


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
async def test_an_address_of_another_computer_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    async with serving_web(Live(web_settings(tmp_path, listen=f"{host}:8600"), [])) as url:
        assert url == ""
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"cannot listen at {host}:8600" in line.message


async def test_a_defect_of_the_server_does_not_end_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("parley.web.server.create_app", broken)
    async with serving_web(Live(web_settings(tmp_path), [])) as url:
        assert url == ""
    assert "the web server cannot start, by a defect of Parley" in caplog.text


async def test_a_page_that_fails_ends_alone_and_tells_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        monkeypatch.setattr(type(scene.live.recorder), "now", lambda _: 1 / 0)
        browser = await scene.browser()
        response = await browser.get("/readyz")
        assert response.status == 500
        assert await response.text() == "This page failed. The log says why.\n"
        assert (await browser.get("/healthz")).status == 200
    assert "the web page /readyz failed" in caplog.text


async def test_beyond_the_loopback_address_it_warns_of_missing_encryption(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_web(Live(web_settings(tmp_path, listen="0.0.0.0:0"), [])) as url:
        assert url.startswith("http://127.0.0.1:")
    assert "without encryption" in caplog.text


@pytest.mark.parametrize(
    ("host", "is_it"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_the_loopback_address_is_recognised(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it


async def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    settings = web_settings(tmp_path)
    before = asyncio.all_tasks()
    async with web_scene(settings) as scene:
        url = scene.url
        assert find_server(settings) is not None
    assert find_server(settings) is None
    assert asyncio.all_tasks() == before
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(url)


async def test_a_server_that_was_killed_is_no_server(tmp_path: Path) -> None:
    settings = web_settings(tmp_path)
    with published(settings, "http://127.0.0.1:1", "token"):
        assert await ask_status(settings) is None


async def test_a_damaged_file_is_no_server(tmp_path: Path) -> None:
    settings = web_settings(tmp_path)
    with published(settings, "http://127.0.0.1:1", "token"):
        (file,) = files_in(tmp_path)
        for content in ("", "[]", "{}", '{"url": 1}', "\0"):
            file.write_text(content)
            assert find_server(settings) is None


async def test_without_prometheus_client_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        response = await browser.get("/metrics")
        assert response.status == 501
        assert 'pip install "parley-chat[web]"' in await response.text()
        assert (await browser.get("/readyz")).status == 200


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("LISTEN", "8600", "give one of this computer's addresses, a colon and a port"),
        ("LISTEN", "127.0.0.1:70000", "a colon and a port"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "give a list such as"),
        ("ALLOWED_HOSTS", "https://a.b", "a name without https://"),
        ("PASSWORD_HASH", "hunter2", "parley web password"),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str, line: str) -> None:
    with pytest.raises(Exception, match=r"\[web\]") as caught:
        load(None, {f"PARLEY_WEB__{name}": value})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
