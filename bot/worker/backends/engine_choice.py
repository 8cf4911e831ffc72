"""Which of OpenVINO and llama.cpp is the faster one on this processor, and what that means for a
model. Pure: facts in, a choice and its reason out.

The figures are measured: docs/benchmarks.md, "Which engine on this processor", has all of them and
how they were made. A processor that is not in the table gets the engine that runs the most models.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

OPENVINO, LLAMACPP = "openvino", "llamacpp"
TITLES = {OPENVINO: "OpenVINO", LLAMACPP: "llama.cpp"}

INSTALL = {
    OPENVINO: "python -m pip install openvino-genai",
    LLAMACPP: "parley backend install llamacpp",
}
"""The commands that install an engine."""

CLEARLY = 1.1
"""An engine that is less than this many times as fast as the other is not worth installing, nor
worth changing to."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second of one core, with a model of 1.1 billion weights."""

    alone: float
    """Written, of one answer at a time."""
    four: float
    """Written, of four answers at once, all together."""
    read: float
    """Of a prompt."""

    def answer(self, parallel: int) -> float:
        """Seconds that a usual answer takes: 200 new tokens are read and 200 written, in half of
        the answers while three others are written; with 1 answer in `parallel` in none."""
        alone, beside_others = 200 / self.alone, 200 / (self.four / 4)
        return 200 / self.read + (alone if parallel == 1 else (alone + beside_others) / 2)


Speeds = Mapping[str, Speed]
"""By engine."""


@dataclass(frozen=True, slots=True)
class Processor:
    """A kind of processor that was measured."""

    title: str
    """Its instructions, for people."""
    needs: frozenset[str]
    """The features that it has, by the names of `bot.worker.processor`."""
    lacks: frozenset[str]
    """The features that it has not: with them other code runs, which was not measured."""
    speeds: Mapping[int, Speeds]
    """By the bits of the weights."""


_LLAMACPP_4, _LLAMACPP_8 = Speed(27.2, 32.5, 59.2), Speed(16.9, 27.1, 52.0)
"""Q4_0 and Q8_0 with AVX-512: they are computed with integers, so that bf16 changes nothing."""

MEASURED: tuple[Processor, ...] = (
    Processor(
        "AVX2 alone",
        frozenset({"avx2"}),
        frozenset({"avx512f", "avx_vnni"}),
        {
            4: {OPENVINO: Speed(13.4, 21.4, 46.9), LLAMACPP: Speed(27.7, 31.1, 43.5)},
            8: {OPENVINO: Speed(14.7, 24.0, 44.6), LLAMACPP: Speed(16.8, 22.4, 40.4)},
        },
    ),
    Processor(
        "AVX-512 and VNNI",
        frozenset({"avx512f", "avx512_vnni"}),
        frozenset({"avx512_bf16", "amx_int8"}),
        {
            4: {OPENVINO: Speed(21.2, 61.1, 112.1), LLAMACPP: _LLAMACPP_4},
            8: {OPENVINO: Speed(12.3, 43.8, 114.4), LLAMACPP: _LLAMACPP_8},
        },
    ),
    Processor(
        "AVX-512, VNNI and bf16",
        frozenset({"avx512f", "avx512_vnni", "avx512_bf16"}),
        frozenset({"amx_int8"}),
        {
            4: {OPENVINO: Speed(22.6, 66.0, 122.6), LLAMACPP: _LLAMACPP_4},
            8: {OPENVINO: Speed(14.0, 49.4, 126.7), LLAMACPP: _LLAMACPP_8},
        },
    ),
    Processor(
        "AMX",
        frozenset({"avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"}),
        frozenset(),
        {
            4: {OPENVINO: Speed(9.6, 32.2, 70.0), LLAMACPP: Speed(11.6, 19.4, 46.5)},
            8: {OPENVINO: Speed(6.5, 23.3, 83.2), LLAMACPP: Speed(7.7, 15.2, 48.7)},
        },
    ),
)
"""The columns "one answer", "four at once" and "of 900" of the table in docs/benchmarks.md. Where a
prompt of 900 was not run (8 bits with bf16), the third is that of "a prompt of 128"."""


def processor_of(features: Collection[str] | None) -> Processor | None:
    """The row of the table for a processor with these features; None where there is none."""
    if features is None:
        return None
    for row in MEASURED:
        if row.needs <= set(features) and not row.lacks & set(features):
            return row
    return None


@dataclass(frozen=True, slots=True)
class Faster:
    """The faster engine on a processor."""

    engine: str
    times: float
    """How many times as fast as the other one: a usual answer."""
    why: str
    """The figures, for people."""

    def is_clearly(self, engine: str) -> bool:
        """Whether `engine` is the faster one by more than what may be chance."""
        return self.engine == engine and self.times >= CLEARLY


def faster(features: Collection[str] | None, bits: int, parallel: int) -> Faster | None:
    """The faster engine for weights of so many bits, with so many answers at once at most; None
    where that was not measured."""
    row = processor_of(features)
    speeds = row.speeds.get(bits) if row is not None else None
    if row is None or speeds is None:
        return None
    first, second = sorted((OPENVINO, LLAMACPP), key=lambda name: speeds[name].answer(parallel))
    best, other = speeds[first], speeds[second]
    times = other.answer(parallel) / best.answer(parallel)
    why = (
        f"on processors with {row.title} {TITLES[first]} answers {times:.1f} times as fast as "
        f"{TITLES[second]} (measured: docs/benchmarks.md)"
    )
    return Faster(first, times, why)


# ---------------------------------------------------------------- what that means for a model


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a backend, and why it was chosen, in a few words for the operator."""

    backend: str
    reason: str
    advice: str = ""
    """How the model would be faster on this machine's CPU, in one line with the command; "" where
    nothing that is known would make it so."""


@dataclass(frozen=True, slots=True)
class GgufCase:
    """A GGUF file, on a CPU, that at least one engine can run."""

    features: Collection[str] | None
    """Those of the processor; None where not known."""
    bits: int
    """Of most weights; 0 where nothing was measured with such."""
    no_server: str = ""
    """Why there is no llama-server; "" where there is one."""
    refusal: str = ""
    """Why OpenVINO cannot run the file; "" where it can."""
    rounded: bool = False
    """Whether OpenVINO reads the weights less exactly than they are stored."""
    openvino: bool = True
    """Whether OpenVINO is installed."""
    parallel: int = 8
    """``[model] max_parallel``."""


def choose_for_gguf(case: GgufCase) -> Choice:
    """The engine for a GGUF file on a CPU: the faster one of those that are there. Exactness comes
    before speed: a file that OpenVINO would round goes to llama.cpp."""
    found = faster(case.features, case.bits, case.parallel)
    if case.no_server and not case.rounded and found and found.is_clearly(OPENVINO):
        return Choice(OPENVINO, found.why)
    if case.no_server:
        reason = f"it reads this GGUF file, and {case.no_server}"
        return Choice(OPENVINO, reason, _advice(found, LLAMACPP))
    if case.refusal:
        return Choice(LLAMACPP, "OpenVINO does not run this GGUF file")
    if case.rounded:
        return Choice(LLAMACPP, "OpenVINO reads the weights of this GGUF file less exactly")
    if not case.openvino:
        return Choice(LLAMACPP, "OpenVINO is not installed", _advice(found, OPENVINO))
    if found is None:
        return Choice(LLAMACPP, f"it runs every GGUF file, and {_unmeasured(case)}")
    if found.times < CLEARLY:
        return Choice(LLAMACPP, "it runs every GGUF file, and is as fast as OpenVINO on this CPU")
    return Choice(found.engine, found.why)


def _advice(found: Faster | None, missing: str) -> str:
    """What the engine that is not installed would give."""
    if found is None or not found.is_clearly(missing):
        return ""
    return f"{found.why}: {INSTALL[missing]}"


def _unmeasured(case: GgufCase) -> str:
    if case.features is None:
        return "the instructions of this processor are not known"
    if processor_of(case.features) is None:
        return "no processor of this kind was measured"
    return "weights of this kind were not measured"


def advice_for_folder(
    features: Collection[str] | None, bits: int, parallel: int, *, has_server: bool
) -> str:
    """How a model that only OpenVINO runs as it is, with weights of so many bits, would be faster
    on this CPU; "" where it would not."""
    found = faster(features, bits, parallel)
    if found is None or not found.is_clearly(LLAMACPP):
        return ""
    install = "" if has_server else f"run {INSTALL[LLAMACPP]}, and "
    return f"{found.why}: {install}set [model] name to a GGUF file of this model"
