"""`parley doctor --selftest`: the report to paste into an issue."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import typer
from rich.console import Console

from bot.checks import Result, State
from bot.config import load
from parley.commands.doctor_report import SIGNS, Findings, all_checks
from parley.doctor.selftest import SelfTest, selftest

AREAS = ("Python", "Intel GPU", "Back ends", "Devices")
"""What a reader of the report needs; nothing of it is private."""


async def run(config: Path | None, *, as_json: bool) -> int:
    """Test and print; 1 where the device does not compute what the CPU computes. Raises
    ParleyError where it cannot be tested."""
    settings = load(config)
    console = Console(stderr=True)
    with console.status("Running the demo model …") if console.is_terminal else console:
        found = await selftest(settings)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"passed": found.passed}, indent=2))
        return int(not found.passed)
    results = await all_checks(config, Findings(show=False))
    typer.echo(report(found, [result for result in results if result.area in AREAS]))
    return int(not found.passed)


def report(found: SelfTest, checks: list[Result]) -> str:
    """Markdown: all in one block of code, as an issue shows it best. Names no path."""
    sign = SIGNS[State.OK if found.passed else State.FAILED][0]
    per_token = f"{found.tokens_per_second:.1f} tokens/s"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    logits = (
        f"{found.same_positions} of {found.positions} positions have the CPU's likeliest token; "
        f"largest difference {found.largest:.4f}, least cosine {found.similarity:.6f}"
    )
    tokens = (
        f"{found.same_tokens} of {found.tokens} chosen are the CPU's choice; the others are "
        f"{found.worst_gap:.4f} logits less likely at most"
    )
    chosen = f" (chosen: {found.reason})" if found.reason else ""
    lines = [
        "```text",
        f"Parley {version('parley-chat')} self-test {sign}",
        f"machine      {system}, Python {platform.python_version()}",
        f"back end     {found.backend}, {found.low_bit}, {found.device}{chosen}",
        f"loading      {found.load_seconds:.1f} s",
        f"first token  {found.first_token_seconds * 1000:.0f} ms",
        f"speed        {per_token} (demo model, one answer at a time)",
        f"logits       {logits}",
        f"tokens       {tokens}",
        *(f"{SIGNS[check.state][0]} {check.what}: {check.detail}" for check in checks),
        "```",
    ]
    return "\n".join(lines)
