"""Measures the overhead of worker, pipe and decoder, without a model.

    python -m benchmarks.pipe [--streams 200] [--seconds 10]

One answer without a rate limit: microseconds per token, of worker, pipe and decoder together. Then
many answers at 20 tokens per second each: throughput, the latency of the event loop (which delays
all other conversations), CPU time per token, and the memory of both processes.
"""

import argparse
import asyncio
import sys
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import Finished, Prompt, Sampling

TOKENS = 20_000
RATE = 20.0
PROMPT = Prompt("You are a benchmark.", (), "How fast are you?")
OPTIONS = WorkerOptions(
    backend="scripted", script="word " * (TOKENS + 1), tokens_per_second=0.0, context=TOKENS + 100
)


async def read(generator: WorkerGenerator, tokens: int) -> Finished:
    """Read one answer of so many tokens and discard it."""
    async with aclosing(generator.stream(PROMPT, Sampling(max_new_tokens=tokens))) as stream:
        async for piece in stream:
            if isinstance(piece, Finished):
                return piece
    raise AssertionError("the stream ended without an end")


async def one_stream() -> None:
    generator = WorkerGenerator(OPTIONS)
    await generator.start()
    await read(generator, 1000)
    start = time.perf_counter()
    await read(generator, TOKENS)
    spent = time.perf_counter() - start
    print(f"one answer, no rate limit: {spent / TOKENS * 1e6:.1f} µs per token ({TOKENS} tokens)")
    await generator.aclose()


async def watch(late: list[float]) -> None:
    """Append the delay of each wake-up of the event loop, in seconds."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - due)


async def many_streams(streams: int, seconds: float) -> None:
    options = replace(OPTIONS, tokens_per_second=RATE, max_parallel=streams)
    generator = WorkerGenerator(options)
    await generator.start()
    late: list[float] = []
    watching = asyncio.create_task(watch(late))
    cpu = time.process_time()
    start = time.perf_counter()
    tokens = int(seconds * RATE)
    done = await asyncio.gather(*(read(generator, tokens) for _ in range(streams)))
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    watching.cancel()
    late.sort()
    made = sum(finished.usage.completion_tokens for finished in done)
    print(
        f"{streams} answers at {RATE:g} tok/s: {made / spent:.0f} tok/s in all, event loop delay "
        f"p50 {late[len(late) // 2] * 1e3:.2f} ms, p99 {late[int(len(late) * 0.99)] * 1e3:.2f} ms, "
        f"max {late[-1] * 1e3:.2f} ms; {cpu / made * 1e6:.1f} µs CPU of this process per token"
    )
    for name, pid in (("this process", "self"), ("worker", str(generator.worker_pid))):
        print(f"memory of {name}: {resident(pid)}")
    await generator.aclose()


def resident(pid: str) -> str:
    """The process's resident memory, from /proc."""
    status = Path("/proc") / pid / "status"
    if not status.exists():
        return f"not known on {sys.platform}"
    lines = status.read_text().splitlines()
    size = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    return f"{int(size) / 1024:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    asyncio.run(one_stream())
    asyncio.run(many_streams(arguments.streams, arguments.seconds))


if __name__ == "__main__":
    main()
