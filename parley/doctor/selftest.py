"""Runs the demo model on the chosen device, and compares and measures it.

Two things are compared with this machine's CPU, which computes in float32: the logits that the
device computes in one pass, and the tokens that the back end itself chose one by one, with its
caches and batches. Speed is the back end's own: from a question's arrival to its first token, and
the tokens after it.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot import demo_model, worker
from bot.config import ModelSettings, Settings
from bot.environment import worker_environment
from bot.errors import ConfigError, ModelError
from bot.generation.codec import ModelCodec
from bot.generation.worker_client import WorkerClient
from bot.messages import Prompt, Usage
from bot.models.choose import interpreter
from bot.worker.protocol import LoadOptions
from parley.doctor.backends import LIBRARIES, device_for
from parley.doctor.choose import Chosen, chosen
from parley.doctor.probe import probe

QUESTIONS = (
    "Hello, who are you?",
    "What is a GPU?",
    "Tell me a short story about a lighthouse.",
)
TOKENS = 96
SIMILAR = 0.999
"""The least cosine between two positions' logits: 16 bits keep three digits."""
CLOSE = 0.1
"""A token that the device chose may be this much less likely on the CPU, as a difference of
logits: a draw, decided by rounding."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What was found."""

    backend: str
    reason: str
    """Why "auto" means this back end; "" where the settings name it."""
    device: str
    low_bit: str
    load_seconds: float
    first_token_seconds: float
    """The median; the first question is left out, which warms up."""
    tokens_per_second: float
    """The median of single answers."""
    tokens: int
    """That the back end chose."""
    same_tokens: int
    """Of them, those that are the CPU's choice too."""
    worst_gap: float
    """By how much the least likely of the others is less likely than the CPU's choice."""
    positions: int
    same_positions: int
    """Positions whose likeliest token is the same in one pass."""
    largest: float
    """The largest difference of two logits."""
    similarity: float

    @property
    def passed(self) -> bool:
        """The device computes what the CPU computes, but for rounding."""
        return self.similarity >= SIMILAR and self.worst_gap <= CLOSE


@dataclass(frozen=True, slots=True)
class _Written:
    prompt: list[int]
    answer: list[int]
    usage: Usage


async def selftest(settings: Settings) -> SelfTest:
    """Raises ConfigError where the settings choose no model's device, and ModelError where the
    back end cannot be loaded, or does not compute."""
    found = await chosen(settings)
    if found.error:
        raise ModelError(f'[model] backend = "auto": nothing can be chosen: {found.error}')
    if found.backend not in LIBRARIES:
        raise ConfigError(
            f'[model] backend = "{found.backend}" runs no model on this machine: choose '
            '"openvino", "torch" or "ipex" to test its devices.'
        )
    await asyncio.to_thread(demo_model.verify)
    codec = await asyncio.to_thread(ModelCodec.load, demo_model.directory(), 0)
    loop = asyncio.get_running_loop()
    python, passed_on = interpreter(settings), settings.model.environment
    options = await _options(found, python)
    begun = loop.time()
    client = await WorkerClient.launch(options, python=python, environment=passed_on)
    loaded = loop.time() - begun
    try:
        written = [await _answer(client, codec, question) for question in QUESTIONS]
    finally:
        await client.aclose()
    compared = await _compared(options, python, passed_on, written)
    return _verdict(found, client, loaded, written, compared)


async def _options(found: Chosen, python: str) -> LoadOptions:
    """The demo model in 16 bits, whatever the settings say of another model."""
    section = found.settings.model
    return LoadOptions(
        backend=section.backend,
        model=str(demo_model.directory()),
        device=section.device,
        low_bit=await _sixteen_bits(section, python),
        context=1024,
        max_parallel=1,
        cache_dir=str(found.settings.cache_folder),
    )


async def _sixteen_bits(section: ModelSettings, python: str) -> str:
    """fp16, but for ipex-llm on a CPU, which has bf16 alone."""
    if section.backend != "ipex":
        return "fp16"
    device = device_for(await probe("ipex", python, section.environment), section.device)
    return "bf16" if device is not None and device.memory is None else "fp16"


async def _answer(client: WorkerClient, codec: ModelCodec, question: str) -> _Written:
    prompt = await codec.encode(Prompt("", (), question))
    request = {"prompt": prompt, "stop": sorted(codec.ends), "max_new_tokens": TOKENS}
    stream = client.add(request, lambda: None)
    answer: list[int] = []
    while True:
        ids, end = await stream.next()
        answer += ids
        if end is not None:
            return _Written(prompt, answer, end.usage)


async def _compared(
    options: LoadOptions, python: str, passed_on: tuple[str, ...], written: list[_Written]
) -> dict[str, Any]:
    """What `bot.worker.logits` says."""
    with tempfile.TemporaryDirectory(prefix="parley-selftest-") as scratch:
        asked = {
            "library": options.backend,
            "model": options.model,
            "device": options.device,
            "low_bit": options.low_bit,
            "scratch": scratch,
            "sequences": [one.prompt + one.answer for one in written],
        }
        process = await asyncio.create_subprocess_exec(
            python or sys.executable,
            "-X",
            "utf8",
            str(Path(worker.__file__).with_name("logits.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=worker_environment(os.environ, passed_on),
        )
        try:
            out, err = await process.communicate(json.dumps(asked).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    try:
        facts: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    except (LookupError, ValueError) as exc:
        said = " ".join(err.decode("utf-8", "replace").split())[-300:]
        raise ModelError(f"The comparison with the CPU ended at once: {said}") from exc
    if facts["error"]:
        raise ModelError(f"The comparison with the CPU failed: {facts['error']}")
    return facts


def _verdict(
    found: Chosen,
    client: WorkerClient,
    loaded: float,
    written: list[_Written],
    compared: dict[str, Any],
) -> SelfTest:
    same, gaps = 0, [0.0]
    for one, choices, gap in zip(written, compared["choices"], compared["gaps"], strict=True):
        first = len(one.prompt)
        chosen = choices[first - 1 : first - 1 + len(one.answer)]
        same += sum(a == b for a, b in zip(one.answer, chosen, strict=True))
        gaps += gap[first - 1 :]
    warm = written[1:]
    middle = len(warm) // 2
    return SelfTest(
        backend=found.backend,
        reason=found.reason,
        device=client.facts.device,
        low_bit=client.facts.low_bit,
        load_seconds=loaded,
        first_token_seconds=sorted(one.usage.first_token_seconds for one in warm)[middle],
        tokens_per_second=sorted(one.usage.tokens_per_second for one in warm)[middle],
        tokens=sum(len(one.answer) for one in written),
        same_tokens=same,
        worst_gap=max(gaps),
        positions=compared["positions"],
        same_positions=compared["agree"],
        largest=compared["largest"],
        similarity=compared["similarity"],
    )
