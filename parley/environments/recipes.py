"""What goes into a back end's environment, from where, and in which order.

ipex-llm wants exact versions of what it stands on, an old transformers among them, which exclude
those that Parley's other back ends use; so it gets an interpreter of its own. The GPU's recipe is
the one of ipex-llm's guide (github.com/intel/ipex-llm,
docs/mddocs/Quickstart/install_pytorch26_gpu.md); the CPU's leaves
out what its metadata asks for in vain and was tried. Sizes are those of the downloads.
"""

from dataclasses import dataclass

TORCH_INDEX = "https://download.pytorch.org/whl/xpu"

IPEX_VERSION = "2.3.0b20251110"
"""The last one before the archive."""

IPEX_NOTICE = (
    "Intel archived ipex-llm in January 2026: it still runs, and gets no corrections any more. "
    'For something that is kept up, use [model] backend = "openvino" (nothing to install) or '
    '"torch" with PyTorch\'s own support for Intel GPUs (pip install torch --index-url '
    f"{TORCH_INDEX})."
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to fill an environment."""

    pythons: tuple[tuple[int, int], ...]
    """Versions of Python for which all of it exists, the best one first."""
    steps: tuple[tuple[str, ...], ...]
    """Arguments of ``pip install``, in order."""
    gigabytes: float
    """Of the finished environment, about."""
    check: str
    """Python code that runs where all is well."""


_STANDS_ON = (
    "numpy==1.26.4",
    "transformers==4.37.0",
    "tokenizers==0.15.2",
    "accelerate==0.23.0",
    "sentencepiece",
    "protobuf",
    "py-cpuinfo",
    "tabulate",
)

IPEX_XPU = Recipe(
    pythons=((3, 11), (3, 10)),
    steps=(
        # torch comes from PyTorch's index for Intel GPUs, ipex-llm's kernels and Intel's libraries
        # from PyPI. No --pre: what has to be a pre-release is named with its version, and the
        # rest should be none.
        (f"ipex-llm[xpu-2-6]=={IPEX_VERSION}", "--extra-index-url", TORCH_INDEX),
    ),
    gigabytes=8.0,
    check="import torch, ipex_llm.transformers; assert torch.xpu.is_available(), 'no GPU is found'",
)

IPEX_CPU = Recipe(
    pythons=((3, 11), (3, 10)),
    steps=(
        # Later versions of torch compute ipex-llm's low-bit layers many times slower on a CPU.
        ("torch==2.1.2",),
        _STANDS_ON,
        ("--no-deps", f"ipex-llm=={IPEX_VERSION}"),
    ),
    gigabytes=5.5,
    check="import ipex_llm.transformers",
)
