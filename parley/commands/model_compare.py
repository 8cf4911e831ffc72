"""Runs `parley model compare`: what each quantization of a model loses."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bot.config import Settings
from bot.errors import ConfigError, ModelError
from bot.generation.codec import ModelCodec
from bot.messages import Exchange, Prompt
from bot.models.choose import interpreter
from bot.models.find import find_model
from bot.models.kind import CONVERTED, kind_of
from bot.models.repository import read_repository
from parley.doctor.interpreter import run_command
from parley.python_process import ProcessFailed

LOW_BITS = ("bf16", "sym_int8", "asym_int4", "sym_int4")
"""What is compared unless something else is asked for."""

TOKENS = 64
"""The maximum length of an answer."""

PROMPTS = (
    Prompt("", (), "Hello, who are you?"),
    Prompt("", (), "What is the capital of France, and what is it known for?"),
    Prompt("", (), "Explain in three sentences how a bicycle stays upright."),
    Prompt("", (), "Write a Python function that counts the words of a text."),
    Prompt("", (), "Tell me a short story about a lighthouse."),
    Prompt("You answer briefly.", (), "What is 17 times 23? Show the steps."),
    Prompt("", (Exchange("My name is Ada.", "Nice to meet you, Ada!"),), "What is my name?"),
    Prompt("", (), "Résume en une phrase : « La nuit porte conseil. »"),
)


async def compare(
    settings: Settings, name: str | None, low_bits: Sequence[str], *, as_json: bool
) -> None:
    """Print the table, or all of it as JSON. Raises ModelError where the model cannot be compared,
    and ConfigError for an unknown quantization."""
    unknown = [low_bit for low_bit in low_bits if low_bit not in LOW_BITS]
    if unknown:
        raise ConfigError(
            f"--low-bit {unknown[0]} cannot be compared: choose among {', '.join(LOW_BITS)}."
        )
    if name is not None:
        section = settings.model.model_copy(update={"name": name})
        settings = settings.model_copy(update={"model": section})
    folder = await asyncio.to_thread(find_model, settings)
    await asyncio.to_thread(_require_convertible, folder)
    facts = await _facts(settings, folder, low_bits)
    if as_json:
        typer.echo(json.dumps({key: facts[key] for key in ("tokens", "results")}, indent=2))
        return
    Console(highlight=False).print(_table(facts))
    typer.echo(f"Compared with fp16, over {facts['tokens']} tokens of {len(PROMPTS)} answers.")
    typer.echo("Weight error: of all matrices, relative. Logit error: root mean square.")
    typer.echo("Divergence: of the next token's distribution (Kullback-Leibler, nats).")


def _require_convertible(folder: Path) -> None:
    """Raise ModelError where Parley does not convert the model in `folder`. Blocks."""
    if not folder.exists():
        return  # its reader reports the fault
    kind = kind_of(read_repository(folder))
    if kind.refusal:
        raise ModelError(kind.refusal)
    if CONVERTED not in kind.routes:
        raise ModelError(
            f"{folder} is {kind.title}, whose weights Parley does not quantize: name the folder of "
            "an original model that it converts (docs/models.md)."
        )


async def _facts(settings: Settings, folder: Path, low_bits: Sequence[str]) -> dict[str, Any]:
    codec = await asyncio.to_thread(ModelCodec.load, folder, 0)
    cache = settings.cache_folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix="parley-compare-", dir=cache)
    except OSError as exc:
        raise ModelError(
            f"{cache} cannot be written ({exc.strerror}): set [model] cache_dir to a folder that "
            "can."
        ) from exc
    Console(stderr=True).print("Comparing; a large model takes many minutes …")
    with scratch:
        request = {
            "model": str(folder),
            "low_bits": list(low_bits or LOW_BITS),
            "prompts": [await codec.encode(prompt) for prompt in PROMPTS],
            "stop": sorted(codec.ends),
            "tokens": TOKENS,
            "scratch": scratch.name,
        }
        try:
            facts = await run_command(
                "compare",
                python=interpreter(settings),
                passed_on=settings.model.environment,
                request=request,
            )
        except ProcessFailed as exc:
            raise ModelError(f"{folder} cannot be compared: {exc}.") from exc
    if facts["error"]:
        raise ModelError(f"{folder} cannot be compared: {facts['error']}.")
    return facts


def _table(facts: dict[str, Any]) -> Table:
    table = Table(
        "low_bit", "Weights", "Weight error", "Logit error", "Divergence", "Same tokens",
        box=None, pad_edge=False,
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for result in facts["results"]:
        table.add_row(
            result["low_bit"],
            f"{result['bytes'] / 1e6:,.1f} MB",
            f"{result['weight_error']:.2%}",
            f"{result['logit_error']:.3f}",
            f"{result['divergence']:.4f}",
            f"{result['same'] / max(1, facts['tokens']):.1%}",
        )
    return table
