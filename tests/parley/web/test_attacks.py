"""What somebody without the password tries, and does not get."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from parley.web import server
from parley.web.local import new_link
from parley.web.now import MOST_STREAMS
from parley.web.password import ATTEMPTS, SECONDS_FOR_ONE
from parley.web.sessions import LINK
from tests.parley.web.scene import PASSWORD, Browser, Scene, web_scene, web_settings
from tests.until import until
from tests.virtual_clock import VirtualClock

PRIVATE = (
    "/problems",
    "/no/such/page",
    "/login/x",
    "//",
    "/login/%2e%2e/settings",
    "/static/",
    "/link",
    "/local/link",
)


@pytest.mark.parametrize("path", PRIVATE)
async def test_without_a_session_nothing_but_numbers_is_shown(tmp_path: Path, path: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        assert (await browser.get(path)).status in (401, 405)
        assert (await browser.get(path, Accept="text/html")).status in (303, 405)


async def test_numbers_need_nothing_on_the_loopback_address(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        for path in ("/healthz", "/readyz", "/metrics", "/status.json"):
            assert (await browser.get(path)).status == 200


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host", "X-Forwarded-Proto"],
)
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status.json"])
async def test_what_a_proxy_forwards_is_not_local(tmp_path: Path, path: str, header: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        assert (await browser.get(path, **{header: "127.0.0.1"})).status == 401


async def test_a_trusted_proxy_cannot_be_made_to_say_that_somebody_is_local(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path, trusted_proxies="127.0.0.1")) as scene:
        browser = await scene.browser()
        for chain in ("127.0.0.1", "203.0.113.7", "127.0.0.1, 203.0.113.7", "nonsense", ""):
            assert (await browser.get("/metrics", X_Forwarded_For=chain)).status == 401
        assert (await browser.get("/metrics")).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::",
    ],
)
async def test_a_name_that_is_not_parleys_reaches_nothing(tmp_path: Path, host: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        for path in ("/healthz", "/metrics", "/login", "/static/parley.css"):
            response = await browser.get(path, Host=host)
            assert response.status == 421
            assert "allowed_hosts" in await response.text()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8600", "127.0.0.1", "parley.example.org."]
)
async def test_parleys_own_names_are_known(tmp_path: Path, host: str) -> None:
    async with web_scene(web_settings(tmp_path, allowed_hosts="parley.example.org")) as scene:
        assert (await (await scene.browser()).get("/healthz", Host=host)).status == 200


async def test_a_post_of_another_website_changes_nothing(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        await browser.log_in()
        token = await browser.csrf("/")
        foreign = {"Origin": "https://evil.example"}
        for data, headers in (
            ({}, {}),
            ({"csrf": "0" * 64}, {}),
            ({"csrf": "ü"}, {}),
            ({"csrf": token}, foreign),
            ({"csrf": token}, {"Origin": "null"}),
            ({"csrf": token}, {"Origin": "http://127.0.0.1:1"}),
            ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"}),
            ({"csrf": token}, {"Sec-Fetch-Site": "same-site"}),
        ):
            assert (await browser.post("/logout", data, **headers)).status == 403
        assert (await browser.get("/problems")).status == 200


async def test_a_csrf_token_of_another_browser_is_worth_nothing(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        mine, theirs = await scene.browser(), await scene.browser()
        data = {"csrf": await mine.csrf(), "password": PASSWORD}
        await theirs.csrf()
        assert (await theirs.post("/login", data)).status == 403


async def test_a_stolen_cookie_is_worth_nothing_after_the_logout(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser, thief = await scene.browser(), await scene.browser()
        await browser.log_in()
        stolen = f"parley_session={browser.cookies()['parley_session']}"
        assert (await thief.get("/problems", Cookie=stolen)).status == 200
        assert (await browser.post("/logout", {"csrf": await browser.csrf("/")})).status == 303
        assert (await thief.get("/problems", Cookie=stolen)).status == 401
        assert (await browser.get("/problems")).status == 401


async def test_the_cookie_is_kept_from_scripts_and_other_websites(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        cookie = (await (await scene.browser()).log_in()).headers.getall("Set-Cookie")[0]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie


async def test_behind_a_trusted_proxy_with_tls_the_cookie_is_sent_by_https_alone(
    tmp_path: Path,
) -> None:
    async with web_scene(web_settings(tmp_path, trusted_proxies="127.0.0.1")) as scene:
        browser = await scene.browser()
        through = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
        response = await browser.get("/login", **through)
        assert "Secure" in response.headers["Set-Cookie"]


async def test_a_session_that_somebody_made_up_is_none(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        for cookie in ("parley_session=1", "parley_session=", "parley_session=%00; a=b", "=;;"):
            assert (await browser.get("/problems", Cookie=cookie)).status == 401


async def test_a_login_does_not_take_over_a_session_that_was_planted(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        planted = "x" * 43
        browser.plant("parley_session", planted)
        assert (await browser.log_in()).status == 303
        assert browser.cookies()["parley_session"] != planted
        thief = await scene.browser()
        thief.plant("parley_session", planted)
        assert (await thief.get("/problems")).status == 401


async def test_brute_force_is_stopped_and_the_right_password_waits_too(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with web_scene(web_settings(tmp_path), clock=clock) as scene:
        browser = await scene.browser()
        for attempt in range(ATTEMPTS):
            assert (await browser.log_in(f"wrong {attempt}")).status == 401
        refused = await browser.log_in()
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) <= SECONDS_FOR_ONE
        assert "parley_session" not in browser.cookies()
        await clock.sleep(SECONDS_FOR_ONE)
        assert (await browser.log_in()).status == 303


async def test_forged_addresses_are_no_new_attempts(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path), clock=VirtualClock()) as scene:
        browser = await scene.browser()
        token = await browser.csrf()
        statuses = [
            (
                await browser.post(
                    "/login", {"csrf": token, "password": "x"}, X_Forwarded_For=f"203.0.113.{n}"
                )
            ).status
            for n in range(ATTEMPTS + 1)
        ]
        assert statuses == [401] * ATTEMPTS + [429]


async def test_attempts_from_everywhere_are_limited_together(tmp_path: Path) -> None:
    settings = web_settings(tmp_path, trusted_proxies="127.0.0.1")
    async with web_scene(settings, clock=VirtualClock()) as scene:
        browser = await scene.browser()
        token = await browser.csrf()
        statuses = [
            (
                await browser.post(
                    "/login", {"csrf": token, "password": "x"}, X_Forwarded_For=f"203.0.113.{n}"
                )
            ).status
            for n in range(40)
        ]
        assert statuses.count(401) == 30
        assert statuses[-1] == 429


async def test_a_one_time_link_works_once(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        path = await a_link(scene)
        first, second = await scene.browser(), await scene.browser()
        assert (await open_link(first, path)).status == 303
        assert (await first.get("/problems")).status == 200
        assert (await open_link(second, path)).status == 401
        assert (await second.get("/problems")).status == 401


async def test_looking_at_a_one_time_link_does_not_use_it_up(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        path = await a_link(scene)
        for _ in range(3):
            assert (await (await scene.browser()).get(path)).status == 200
        assert (await open_link(await scene.browser(), path)).status == 303


async def test_two_who_use_a_link_at_once_do_not_both_get_in(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        path = await a_link(scene)
        browsers = [await scene.browser() for _ in range(4)]
        opened = await asyncio.gather(*(open_link(browser, path) for browser in browsers))
        assert sorted(response.status for response in opened) == [303, 401, 401, 401]


async def test_an_old_link_is_refused(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with web_scene(web_settings(tmp_path), clock=clock) as scene:
        path = await a_link(scene)
        await clock.sleep(LINK)
        assert (await open_link(await scene.browser(), path)).status == 401


async def test_only_who_can_read_the_file_gets_a_link(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path, metrics_token="for numbers")) as scene:
        browser = await scene.browser()
        for token in ("", "wrong", "for numbers", "ü"):
            response = await browser.post("/local/link", Authorization=f"Bearer {token}")
            assert response.status in (401, 403)
        assert modes(tmp_path) == [0o600]
    assert modes(tmp_path) == []


async def test_the_token_for_metrics_shows_numbers_alone(tmp_path: Path) -> None:
    settings = web_settings(tmp_path, metrics_token="for numbers", trusted_proxies="127.0.0.1")
    async with web_scene(settings) as scene:
        browser = await scene.browser()
        for token, status in (("for numbers", 200), ("for number", 401), ("", 401)):
            response = await browser.get("/metrics", Authorization=f"Bearer {token}")
            assert response.status == status
        assert (await browser.get("/problems", Authorization="Bearer for numbers")).status == 401


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "/\r\nX: y"],
)
async def test_a_login_leads_to_no_other_website(tmp_path: Path, path: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        data = {"csrf": await browser.csrf(), "password": PASSWORD, "next": path}
        response = await browser.post("/login", data)
        assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/parley.css/../../app.py",
        "/static/%00",
        "/templates/base.html",
    ],
)
async def test_no_path_leads_to_a_file(tmp_path: Path, path: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        host, port = scene.url.removeprefix("http://").split(":")
        response = await raw(host, int(port), f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert response.split(b" ")[1] in (b"401", b"404", b"400")


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /metrics HTTP/1.1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        (
            "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: " + "x" * 100_000 + "\r\n\r\n",
        "\x16\x03\x01 not HTTP\r\n\r\n",
    ],
)
async def test_a_request_that_is_none_gets_nothing(tmp_path: Path, request_text: str) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        host, port = scene.url.removeprefix("http://").split(":")
        response = await raw(host, int(port), request_text)
        assert response.split(b" ")[1] in (b"400", b"421", b"431")
        assert (await (await scene.browser()).get("/healthz")).status == 200


async def test_malformed_requests_leave_no_traceback_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        host, port = scene.url.removeprefix("http://").split(":")
        for text in ("GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\r\n\r\n"):
            assert (await raw(host, int(port), text)).split(b" ")[1] == b"400"
        assert "Traceback" not in caplog.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_website_embeds_nothing(tmp_path: Path, site: str) -> None:
    """Its images and streams would keep the server busy, and a stream its place."""
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        for path in ("/live", "/metrics", "/plots/questions.svg", "/static/live.js"):
            for mode in ("no-cors", "cors"):
                response = await browser.get(path, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)
                assert response.status == 403
        link = await browser.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")
        assert link.status == 200
        own = await browser.get("/metrics", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")
        assert own.status == 200


async def test_too_many_connections_are_closed_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    async with web_scene(web_settings(tmp_path)) as scene, AsyncExitStack() as stack:
        host, port = scene.url.removeprefix("http://").split(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        for _, writer in held:
            stack.callback(writer.close)
        await until(lambda: _refused(host, int(port)))
        reader, writer = held[0]
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()
        await until(lambda: _served(host, int(port)))


async def _refused(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return not await reader.readline()
    except ConnectionError:
        return True
    finally:
        writer.close()


async def _served(host: str, port: int) -> bool:
    return not await _refused(host, port)


async def test_no_more_streams_are_open_than_the_limit(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene, aiohttp.ClientSession() as http:
        url = f"{scene.url}/live"
        held = [await http.get(url) for _ in range(MOST_STREAMS)]
        assert {response.status for response in held} == {200}
        async with http.get(url) as further:
            assert (further.status, further.headers["Retry-After"]) == (503, "30")
        assert (await (await scene.browser()).get("/healthz")).status == 200
        held[0].close()
        await until(lambda: _streams(http, url))
        for response in held:
            response.close()


async def _streams(http: aiohttp.ClientSession, url: str) -> bool:
    async with http.get(url) as response:
        return response.status == 200


async def test_a_form_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        data = {"csrf": await browser.csrf(), "password": "x" * 200_000}
        assert (await browser.post("/login", data)).status == 413


async def test_markup_in_a_link_is_shown_as_text(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        text = await (await (await scene.browser()).get("/link/%22%3E%3Cscript%3E")).text()
        assert "<script>" not in text
        assert "&#34;&gt;&lt;script&gt;" in text


async def test_every_response_forbids_inline_scripts_and_frames(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        for path in ("/", "/login", "/metrics", "/healthz", "/nothing", "/static/parley.css"):
            headers = (await browser.get(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"


async def test_no_password_and_no_link_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with web_scene(web_settings(tmp_path)) as scene:
        browser = await scene.browser()
        await browser.log_in("my wrong password")
        await browser.log_in()
        path = await a_link(scene)
        await open_link(browser, path)
        assert "a wrong password for the web server" in caplog.text
        secrets = (PASSWORD, "my wrong password", path, browser.cookies()["parley_session"])
        assert not [secret for secret in secrets if secret in caplog.text]


async def test_without_a_password_set_none_is_right(tmp_path: Path) -> None:
    async with web_scene(web_settings(tmp_path, password_hash="")) as scene:
        browser = await scene.browser()
        await browser.get("/login")  # the cookie
        text = await (await browser.get("/link/x")).text()
        token = text.split('name="csrf" value="')[1].split('"')[0]
        for password in ("", "x"):
            data = {"csrf": token, "password": password}
            assert (await browser.post("/login", data)).status == 401


def modes(folder: Path) -> list[int]:
    """The rights of the files through which `parley web link` finds the server."""
    return [file.stat().st_mode & 0o777 for file in folder.glob("parley-web-*")]


async def a_link(scene: Scene) -> str:
    """The path of a new one-time link."""
    address, _ = await new_link(scene.live.settings)
    return address.removeprefix(scene.url)


async def open_link(browser: Browser, path: str) -> aiohttp.ClientResponse:
    token = await browser.csrf(path)
    return await browser.post("/link", {"csrf": token, "link": path.removeprefix("/link/")})


async def raw(host: str, port: int, text: str) -> bytes:
    """Send a text as it is; returns the beginning of what comes back."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(text.encode("latin-1"))
    try:
        return await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()
