"""A Chromium without a window, driven through the DevTools protocol.

The protocol is documented in https://chromedevtools.github.io/devtools-protocol/. A page's content
security policy does not hold for what `Tab.evaluate` runs.
"""

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
"""The browser; "" where there is none."""

OPTIONS = (
    "--headless",
    "--no-sandbox",  # in a container there is no user namespace; only our own pages are opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
)


class BrowserError(Exception):
    """The browser refused a command, or a script failed."""


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._session = ""
        self.problems: list[str] = []
        """What the console and the page's content security policy complained about."""

    async def listen(self) -> None:
        """Take in what the browser says, until it ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if answer := self._answers.pop(said.get("id", 0), None):
                answer.set_result(said)
            elif said.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif said.get("method") == "Log.entryAdded":
                self.problems.append(said["params"]["entry"]["text"])
            elif said.get("method") == "Runtime.exceptionThrown":
                self.problems.append(said["params"]["exceptionDetails"]["text"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command. Raises BrowserError."""
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters, **session}
        )
        said = await answer
        if "error" in said:
            raise BrowserError(f"{method}: {said['error']['message']}")
        result: dict[str, Any] = said["result"]
        return result

    async def open_target(self) -> None:
        """Make the page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")

    async def go(self, url: str) -> None:
        """Open `url`, and wait until it is loaded."""
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await self._loaded.wait()

    async def cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie."""
        await self.call("Network.setCookie", url=url, name=name, value=value, sameSite="Strict")

    async def look(
        self, width: int, height: int, *, dark: bool = False, phone: bool = False
    ) -> None:
        """Set the size of the window, in CSS pixels, and the colours that the person prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def without_scripts(self, *, disabled: bool = True) -> None:
        """Whether pages may run scripts."""
        await self.call("Emulation.setScriptExecutionDisabled", value=disabled)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited. Raises BrowserError where it throws."""
        said = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in said:
            raise BrowserError(said["exceptionDetails"].get("exception", {}).get("description"))
        return said["result"].get("value")

    async def press(self, key: str) -> None:
        """Press and release a key, such as "Tab"."""
        codes = {"Tab": 9, "Enter": 13}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def picture(self) -> bytes:
        """The whole page as PNG."""
        said = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(said["data"])


@asynccontextmanager
async def a_tab() -> AsyncIterator[Tab]:
    """A page of a new browser, with a profile of its own, which ends with the context."""
    profile = tempfile.mkdtemp(prefix="parley-chromium-")
    browser = await asyncio.create_subprocess_exec(
        PROGRAM,
        *OPTIONS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert browser.stderr is not None
        address = await _address(browser.stderr)
        draining = asyncio.create_task(_drain(browser.stderr))
        async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as ws:
            tab = Tab(ws)
            listening = asyncio.create_task(tab.listen())
            await tab.open_target()
            yield tab
        for task in (listening, draining):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    finally:
        with suppress(ProcessLookupError):
            browser.kill()
        await browser.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(stderr: asyncio.StreamReader) -> str:
    async for line in stderr:
        if line.startswith(b"DevTools listening on "):
            return line.decode().removeprefix("DevTools listening on ").strip()
    raise BrowserError(f"{PROGRAM} ended without listening")


async def _drain(stderr: asyncio.StreamReader) -> None:
    async for _ in stderr:
        pass
