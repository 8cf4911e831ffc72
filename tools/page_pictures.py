"""Draws pictures of the operator's page with Chromium: light, dark, and as a phone shows it.

    python -m tools.page_pictures FOLDER

The Parley in them is one in memory with a month of made-up history. Needs Chromium
(`apt-get install chromium`) and the extra ``web``.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import quote

from parley.web.forms import SESSION_COOKIE
from tests.chromium import PROGRAM, Tab, a_tab
from tests.parley.web.page_bench import GENERAL, Scene, a_scene
from tests.parley.web.page_story import tell
from tests.until import until

PAGES = {
    "overview": "/?period=hour",
    "overview-month-by-platform": "/?period=month&by=platform",
    "conversations": "/conversations",
    "conversation": f"/conversation?key={quote(str(GENERAL))}",
    "search": "/conversations?search=tomato",
    "verdicts": "/verdicts",
    "use": "/use",
    "settings": "/settings",
    "doctor": "/doctor",
    "problems": "/problems",
}
LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (390, False)}


def main() -> None:
    if len(sys.argv) != 2 or not PROGRAM:
        sys.exit("usage: python -m tools.page_pictures FOLDER; it needs Chromium")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_draw(folder))


async def _draw(folder: Path) -> None:
    async with a_scene(reply="Once the soil is dry, in the evening.") as scene, a_tab() as tab:
        await tell(scene)
        for look, (width, dark) in LOOKS.items():
            await tab.look(width, 900, dark=dark, phone=look == "phone")
            await tab.go(f"{scene.url}/login")
            _write(folder / f"login-{look}.png", await tab.picture())
            await tab.cookie(scene.url, SESSION_COOKIE, scene.session)
            for name, path in PAGES.items():
                await _page(scene, tab, path)
                _write(folder / f"{name}-{look}.png", await tab.picture())
            await tab.call("Network.clearBrowserCookies")
        for problem in tab.problems:
            print(problem)


async def _page(scene: Scene, tab: Tab, path: str) -> None:
    await tab.go(scene.url + path)
    # pictures below the window are loaded when they come near it
    await tab.evaluate("document.querySelectorAll('img').forEach((i) => i.loading = 'eager')")
    loaded = "[...document.images].every((image) => image.complete)"
    await until(lambda: tab.evaluate(loaded))


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    print(file)


if __name__ == "__main__":
    main()
