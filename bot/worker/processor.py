"""Which instructions this machine's processor has, as far as they decide how fast a model runs."""

from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16")
"""The instructions that make a difference, by the names of Linux's /proc/cpuinfo."""


def processor_features(root: Path = Path("/")) -> "tuple[str, ...] | None":
    """Those of `FEATURES` that the processor has; None where that is not known: on other systems
    than Linux, and on other processors than x86. `root` is the folder that holds /proc."""
    facts = cpuinfo(root)
    if "flags" not in facts:
        return None
    flags = set(facts["flags"].split())
    return tuple(name for name in FEATURES if name in flags)


def cpuinfo(root: Path = Path("/")) -> "dict[str, str]":
    """What Linux says of the first processor (proc_cpuinfo(5)), by the names in lower case; empty
    on other systems."""
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
