"""The self-test: runs the demo model on the device, compares its results with the CPU's and
measures its speed.

The reference is this machine's CPU in float32. Compared are the logits of one forward pass over
whole sequences, and the tokens that the backend generated step by step with its KV cache and
batching. Speed is what the backend itself reports: time to first token, and throughput after it.
"""

import asyncio
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot import demo_model
from bot.config import ModelSettings, Settings
from bot.errors import ConfigError, ModelError
from bot.generation.codec import ModelCodec
from bot.generation.worker_client import WorkerClient
from bot.messages import Prompt, Usage
from bot.models.choose import interpreter
from bot.worker.protocol import LoadOptions
from parley.doctor.backends import LIBRARIES, device_for
from parley.doctor.interpreter import probe, run_command
from parley.doctor.resolve import Resolved, resolve_backend
from parley.environments.llamacpp import server_path
from parley.python_process import ProcessFailed

QUESTIONS = (
    "Hello, who are you?",
    "What is a GPU?",
    "Tell me a short story about a lighthouse.",
)
TOKENS = 96
"""The maximum length of an answer."""
SIMILAR = 0.999
"""The smallest accepted cosine between the logits of a position: 16-bit floats hold about three
decimal digits."""
CLOSE = 0.1
"""The largest accepted gap, in logits, between the CPU's choice and the device's: so close to a
tie that rounding decides."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The self-test's findings."""

    backend: str
    reason: str
    """Why "auto" means this backend; "" where the settings name one."""
    device: str
    low_bit: str
    load_seconds: float
    first_token_seconds: float
    """Time to first token: the median over all questions but the first, which warms up."""
    tokens_per_second: float
    """The median over the same answers, generated one at a time."""
    tokens: int
    """Tokens that the backend generated."""
    same_tokens: int
    """Those of them that the CPU would have chosen, too."""
    worst_gap: float
    """The largest difference, in logits, between the CPU's choice and a token of the backend."""
    positions: int
    """Positions compared in one forward pass."""
    same_positions: int
    """Those whose most likely token is the same."""
    largest: float
    """The largest absolute difference of two logits."""
    similarity: float
    """The smallest cosine between the logits of a position."""

    @property
    def passed(self) -> bool:
        """Whether the device computes what the CPU computes, apart from rounding."""
        return self.similarity >= SIMILAR and self.worst_gap <= CLOSE


@dataclass(frozen=True, slots=True)
class _Answer:
    """Token ids of a question and of its greedy answer."""

    prompt: list[int]
    answer: list[int]
    usage: Usage


async def run_selftest(settings: Settings) -> SelfTest:
    """Test the backend and device of the settings, with the demo model in 16 bits. Raises
    ConfigError where the backend runs no model on this machine, and ModelError where it cannot be
    loaded or fails."""
    resolved = await resolve_backend(settings)
    if resolved.error:
        raise ModelError(f'[model] backend = "auto": no backend can be chosen: {resolved.error}')
    if resolved.backend not in LIBRARIES:
        raise ConfigError(
            f'[model] backend = "{resolved.backend}" runs no model on this machine: choose '
            '"openvino", "torch", "ipex" or "llamacpp" to test a device.'
        )
    await asyncio.to_thread(demo_model.verify)
    codec = await asyncio.to_thread(ModelCodec.load, demo_model.directory(), 0)
    python, passed_on = interpreter(settings), settings.model.environment
    options = await _options(resolved, python)
    with tempfile.TemporaryDirectory(prefix="parley-selftest-") as scratch:
        options = await asyncio.to_thread(_as_the_backend_reads_it, options, Path(scratch))
        return await _run(resolved, codec, options, python, passed_on)


async def _run(
    resolved: Resolved,
    codec: ModelCodec,
    options: LoadOptions,
    python: str,
    passed_on: Collection[str],
) -> SelfTest:
    loop = asyncio.get_running_loop()
    start = loop.time()
    client = await WorkerClient.launch(options, python=python, environment=passed_on)
    load_seconds = loop.time() - start
    try:
        answers = [await _ask(client, codec, question) for question in QUESTIONS]
    finally:
        await client.aclose()
    compared = await _compare(options, python, passed_on, answers)
    return _evaluate(resolved, client, load_seconds, answers, compared)


async def _options(resolved: Resolved, python: str) -> LoadOptions:
    """The demo model in 16 bits on the configured device, whichever model the settings name."""
    section = resolved.settings.model
    return LoadOptions(
        backend=section.backend,
        model=str(demo_model.directory()),
        device=section.device,
        low_bit=await _sixteen_bits(section, python),
        context=1024,
        max_parallel=1,
        cache_dir=str(resolved.settings.cache_folder),
        server=server_path(resolved.settings),
    )


def _as_the_backend_reads_it(options: LoadOptions, scratch: Path) -> LoadOptions:
    """For llamacpp the demo model as a GGUF file in `scratch`. Blocking."""
    if options.backend != "llamacpp":
        return options
    from bot.worker.conversion.gguf_file import write_gguf

    file = scratch / "demo.gguf"
    write_gguf(Path(options.model), file, options.context)
    return replace(options, model=str(file), low_bit="auto")


async def _sixteen_bits(section: ModelSettings, python: str) -> str:
    """fp16, except for ipex-llm on a CPU, which supports only bf16."""
    if section.backend != "ipex":
        return "fp16"
    device = device_for(await probe("ipex", python, section.environment), section.device)
    return "bf16" if device is not None and device.memory is None else "fp16"


async def _ask(client: WorkerClient, codec: ModelCodec, question: str) -> _Answer:
    prompt = await codec.encode(Prompt("", (), question))
    request = {"prompt": prompt, "stop": sorted(codec.ends), "max_new_tokens": TOKENS}
    stream = client.add(request, lambda: None)
    answer: list[int] = []
    while True:
        ids, end = await stream.next()
        answer += ids
        if end is not None:
            return _Answer(prompt, answer, end.usage)


async def _compare(
    options: LoadOptions, python: str, passed_on: Collection[str], answers: list[_Answer]
) -> dict[str, Any]:
    """The comparison with the CPU, as `bot.worker.logits` describes it. Raises ModelError."""
    with tempfile.TemporaryDirectory(prefix="parley-selftest-") as scratch:
        request = {
            "library": options.backend,
            "model": str(demo_model.directory()),
            "server": options.server,
            "device": options.device,
            "low_bit": options.low_bit,
            "scratch": scratch,
            "sequences": [each.prompt + each.answer for each in answers],
        }
        try:
            facts = await run_command(
                "logits",
                python=python,
                passed_on=passed_on,
                request=request,
            )
        except ProcessFailed as exc:
            raise ModelError(f"The comparison with the CPU failed: {exc}") from exc
    if facts["error"]:
        raise ModelError(f"The comparison with the CPU failed: {facts['error']}")
    return facts


def _evaluate(
    resolved: Resolved,
    client: WorkerClient,
    load_seconds: float,
    answers: list[_Answer],
    compared: dict[str, Any],
) -> SelfTest:
    same, gaps = 0, [0.0]
    for each, choices, gap in zip(answers, compared["choices"], compared["gaps"], strict=True):
        # The logits after the token at position i - 1 choose the token at position i.
        first = len(each.prompt) - 1
        expected = choices[first : first + len(each.answer)]
        same += sum(a == b for a, b in zip(each.answer, expected, strict=True))
        gaps += gap[first:]
    warm = answers[1:]
    middle = len(warm) // 2
    return SelfTest(
        backend=resolved.backend,
        reason=resolved.reason,
        device=client.facts.device,
        low_bit=client.facts.low_bit,
        load_seconds=load_seconds,
        first_token_seconds=sorted(each.usage.first_token_seconds for each in warm)[middle],
        tokens_per_second=sorted(each.usage.tokens_per_second for each in warm)[middle],
        tokens=sum(len(each.answer) for each in answers),
        same_tokens=same,
        worst_gap=max(gaps),
        positions=compared["positions"],
        same_positions=compared["agree"],
        largest=compared["largest"],
        similarity=compared["similarity"],
    )
