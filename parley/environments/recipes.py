"""The packages of a backend's environment, their sources, and the order of installation.

ipex-llm requires exact versions of its dependencies, among them an old transformers, which exclude
the versions that Parley's other backends use. The recipe for GPUs is that of ipex-llm's guide
(github.com/intel/ipex-llm, docs/mddocs/Quickstart/install_pytorch26_gpu.md); the one for CPUs
installs without the dependencies in its metadata that are not needed, and was tested.

optimum-intel, which exports models to OpenVINO's format, needs a transformers older than Parley's
other backends do, and one version does not export every architecture: each one has a range of its
own. Its environment therefore holds several, all but the first in folders beside it, from which
`bot.worker.backends.openvino.export_script` takes the newest one that exports the model.
"""

from dataclasses import dataclass

TORCH_INDEX = "https://download.pytorch.org/whl/xpu"

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

ENVIRONMENT = "{environment}"
"""In the arguments of ``pip install``: the environment's folder."""

IPEX_VERSION = "2.3.0b20251110"
"""The last release before the project was archived."""

IPEX_NOTICE = (
    "Intel archived ipex-llm in January 2026: it still runs, but is no longer maintained. "
    'Maintained alternatives are [model] backend = "openvino" (nothing to install) and '
    '"torch" with PyTorch\'s own support for Intel GPUs (pip install torch --index-url '
    f"{TORCH_INDEX})."
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build an environment."""

    pythons: tuple[tuple[int, int], ...]
    """Versions of Python, (major, minor), for which all packages exist, the preferred one first."""
    steps: tuple[tuple[str, ...], ...]
    """Arguments of ``pip install``, in order."""
    gigabytes: float
    """Approximate size of the finished environment."""
    check: str
    """Python code that runs without error in a working environment."""
    title: str = "ipex-llm"
    """What it is for, in errors."""


_DEPENDENCIES = (
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
        # from PyPI. No --pre: a package that must be a pre-release is pinned to its version, and
        # the others must not be one.
        (f"ipex-llm[xpu-2-6]=={IPEX_VERSION}", "--extra-index-url", TORCH_INDEX),
    ),
    gigabytes=8.0,
    check="import torch, ipex_llm.transformers; assert torch.xpu.is_available(), 'no GPU is found'",
)

IPEX_CPU = Recipe(
    pythons=((3, 11), (3, 10)),
    steps=(
        # With later versions of torch, ipex-llm's quantized layers are many times slower on a CPU.
        ("torch==2.1.2",),
        _DEPENDENCIES,
        ("--no-deps", f"ipex-llm=={IPEX_VERSION}"),
    ),
    gigabytes=5.5,
    check="import ipex_llm.transformers",
)

_OLDER = ("--no-deps", "--upgrade", "--target", f"{ENVIRONMENT}/transformers-")

EXPORT = Recipe(
    pythons=((3, 11), (3, 12), (3, 13)),
    steps=(
        # The index for CPUs has a torch without CUDA's libraries, which take gigabytes.
        ("torch==2.13.0", "--extra-index-url", TORCH_CPU_INDEX),
        # optimum-intel asks for torchvision, which exports of language models do not use; one that
        # does not match torch exactly breaks the import.
        ("--no-deps", "optimum-intel==2.2.0"),
        (
            "torch==2.13.0",
            "optimum==2.3.0",
            "transformers==5.5.4",
            "nncf==3.4.0",
            "openvino==2026.4.1",
            "openvino-tokenizers==2026.4.1.0",
            "requests>=2.33,<3",
            "setuptools",
            "sentencepiece",
            "protobuf",
        ),
        (*_OLDER[:-1], f"{_OLDER[-1]}5.2", "transformers==5.2.0"),
        (
            *_OLDER[:-1],
            f"{_OLDER[-1]}4.57",
            "transformers==4.57.6",
            "huggingface-hub==0.36.2",
            "tokenizers==0.22.2",
        ),
    ),
    gigabytes=2.0,
    check="import nncf, optimum.intel.openvino",
    title="The export environment",
)
"""The versions that were run together."""
