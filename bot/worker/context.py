"""Which context window ``[model] context = 0`` means on this machine.

The largest, up to what was asked for, of which ``max_parallel`` fit into half of the free memory
beside the model, and which is read within half a minute at the speed that was measured.
"""

import time

from bot.worker.backends import Backend
from bot.worker.protocol import ERROR, LoadError, LoadOptions, Request

SHARE = 0.5
"""The fraction of the free memory that full context windows of all parallel answers may take."""
READ_SECONDS = 30.0
"""In which a prompt of the whole context window is read."""
LEAST = 1024
"""Tokens. A smaller window would hold no conversation."""
STEP = 256
"""Windows are multiples of this."""
SAMPLES = (32, 32, 128, 512)
"""Tokens of the prompts that are read to measure the speed, until a whole window is known to be
read in time, or one took `ENOUGH_SECONDS`: of a short one most may be what every step costs. The
first does not count where it says less, for much is computed at a first time only. A small model
needs some milliseconds for it, one of seven billion parameters on a processor seconds."""
ENOUGH_SECONDS = 1.0


def context_that_fits(
    options: LoadOptions, free: "int | None", token_bytes: float, fixed: float = 0.0
) -> int:
    """The context window for the memory: `free` bytes beside the model (None: not known), of which
    each token of KV cache takes `token_bytes`, and other states `fixed` in all. Without
    `LoadOptions.fit` it is the one asked for."""
    if not options.fit or free is None or token_bytes <= 0:
        return options.context
    return bounded(options.context, (free * SHARE - fixed) / (token_bytes * options.max_parallel))


def context_that_is_read(backend: Backend, context: int) -> int:
    """The context window for the speed of this backend, with nothing in flight; at most `context`.
    Raises LoadError where the model cannot generate."""
    if context <= LEAST:
        return context
    fitting = LEAST
    for number, tokens in enumerate(SAMPLES, start=1):
        seconds = _seconds_to_read(backend, [number] * tokens)  # none is in the cache of another
        fitting = bounded(context, READ_SECONDS * tokens / seconds)
        if fitting == context or (number > 1 and seconds >= ENOUGH_SECONDS):
            break
    return fitting


def _seconds_to_read(backend: Backend, prompt: list[int]) -> float:
    begun = time.perf_counter()
    backend.add(Request(id=0, prompt=prompt, stop=[], max_new_tokens=1))
    while not (ended := backend.step().ended):
        pass
    if ended[0].reason == ERROR:
        raise LoadError(f"the model cannot generate: {ended[0].message}")
    return max(time.perf_counter() - begun, 1e-6)


def bounded(context: int, most: float) -> int:
    """`most` tokens in whole steps, from `LEAST` to `context`."""
    return max(min(context, LEAST), min(context, int(most) // STEP * STEP))
