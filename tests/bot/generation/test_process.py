"""The worker process as it is started."""

import contextlib
import sys
from pathlib import Path

import pytest

from bot.environment import HUGE_PAGES
from bot.generation.process import spawn


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_worker_asks_for_huge_pages_and_gets_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
    process = await spawn(sys.executable)
    try:
        given = Path(f"/proc/{process.pid}/environ").read_text(encoding="utf-8").split("\0")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
    assert f"GLIBC_TUNABLES={HUGE_PAGES}" in given
    assert not [each for each in given if each.startswith("SLACK_BOT_TOKEN")]
