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
SAMPLE = 32
"""Tokens of the prompt that is read to measure the speed: a small model needs a few milliseconds
for it, one of seven billion parameters on a processor some seconds."""


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
    begun = time.perf_counter()
    backend.add(Request(id=0, prompt=[1] * SAMPLE, stop=[], max_new_tokens=1))
    while not (ended := backend.step().ended):
        pass
    if ended[0].reason == ERROR:
        raise LoadError(f"the model cannot generate: {ended[0].message}")
    seconds = max(time.perf_counter() - begun, 1e-6)
    return bounded(context, READ_SECONDS * SAMPLE / seconds)


def bounded(context: int, most: float) -> int:
    """`most` tokens in whole steps, from `LEAST` to `context`."""
    return max(min(context, LEAST), min(context, int(most) // STEP * STEP))
