"""Measures the memory of the bot's process while its page is used.

    python -m benchmarks.page_memory

Opens what `parley run` opens, with the adapters of Discord and Slack imported and a scripted model,
and prints after each step the resident memory and its peak. Linux alone.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bot.config import load
from parley.app import open_parley
from parley.web.live import Live
from parley.web.server import serving_web

PASSWORD = "correct horse battery staple"
HASH = "from parley.web.password import hash_of; print(hash_of(input()))"
CLIENT = """
import re, sys, time, urllib.parse, urllib.request
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
def get(path):
    return opener.open(sys.argv[1] + path).read().decode()
def post(path, page, **form):
    form["csrf"] = re.search('name="csrf" value="(.*?)"', get(page))[1]
    opener.open(sys.argv[1] + path, urllib.parse.urlencode(form).encode())
"""
LOG_IN = f"post('/login', '/login', password={PASSWORD!r})\n"
STEPS = {
    "scraped": "get('/metrics')",
    "overview": "get('/')",
    "a plot": "get('/plots/questions.svg')",
    "three logins": LOG_IN
    + "post('/logout', '/settings')\n"
    + LOG_IN
    + "post('/logout', '/settings')\n"
    + LOG_IN,
    "all pages": LOG_IN + "for page in 'conversations verdicts use problems settings'.split():\n"
    "    get('/' + page)",
    "the doctor": LOG_IN + "post('/doctor', '/doctor')\nwhile 'are running' in get('/doctor'):\n"
    "    time.sleep(1)",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(folder))


async def _measure(folder: str) -> None:
    import adapters.discord.serve
    import adapters.slack.serve  # noqa: F401

    variables = {
        "PARLEY_MODEL__BACKEND": "scripted",
        "PARLEY_STORAGE__URL": f"sqlite:///{folder}/parley.sqlite3",
        "PARLEY_WEB__LISTEN": "127.0.0.1:0",
        "PARLEY_WEB__PASSWORD_HASH": (await _python(HASH, given=PASSWORD)).strip(),
    }
    live = Live(load(None, variables), ["Discord", "Slack"])
    async with (
        serving_web(live) as url,
        open_parley(
            live.settings, observer=live.observers, on_progress=lambda progress: None
        ) as parley,
    ):
        live.parley = parley
        _print("ready")
        for step, code in STEPS.items():
            await _python(CLIENT + code, url)
            _print(step)


async def _python(code: str, *arguments: str, given: str = "") -> str:
    """What a process of its own prints."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdin=pipe, stdout=pipe
    )
    output, _ = await process.communicate(given.encode())
    if process.returncode:
        sys.exit("a step failed")
    return output.decode()


def _print(step: str) -> None:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines if line[:2] == "Vm"}
    print(f"{step:14} {sizes['VmRSS:']:4.0f} MB, peak {sizes['VmHWM:']:4.0f} MB", flush=True)


if __name__ == "__main__":
    main()
