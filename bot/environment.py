"""The environment of the processes that Parley starts: the worker, the doctor's probes, templates.

An allow-list: what drivers, math libraries and the operating system need is passed on, and nothing
else, so tokens and passwords in the bot's environment stay there. docs/models.md documents it, and
``[model] environment``, which names further variables.
"""

import re
from collections.abc import Collection, Mapping

_PASSED_ON = re.compile(
    r"""
    # the operating system
    PATH | HOME | USER | LOGNAME | SHELL | LANG | LANGUAGE | LC_.* | XDG_.* | TZ | TZDIR
    | TMPDIR | TEMP | TMP | MALLOC_.* | GLIBC_TUNABLES | CONDA_PREFIX
    | LD_LIBRARY_PATH | LD_PRELOAD | DYLD_.*
    | SYSTEMROOT | SYSTEMDRIVE | WINDIR | COMSPEC | PATHEXT | OS | DRIVERDATA | PUBLIC
    | USERNAME | USERPROFILE | HOMEDRIVE | HOMEPATH | APPDATA | LOCALAPPDATA
    | PROGRAMDATA | ALLUSERSPROFILE | (COMMON)?PROGRAM(FILES|W6432)(\(X86\))?
    | NUMBER_OF_PROCESSORS | PROCESSOR_.*
    # Python, as far as it does not change what is imported
    | PYTHON(DONTWRITEBYTECODE|FAULTHANDLER|HASHSEED|MALLOC|NOUSERSITE|PYCACHEPREFIX|UNBUFFERED)
    | PYTHONWARNINGS
    # Vulkan, llama.cpp
    | (VK|GGML)_.* | VULKAN_SDK
    # Intel: drivers, Level Zero, SYCL, OpenCL, oneAPI, OpenVINO, ipex-llm
    | (ONEAPI|ZE|ZES|ZET|SYCL|UR|IGC|NEO|OCL|OPENCL|INTEL|OV|OPENVINO|IPEX|BIGDL|USE)_.*
    | SETVARS_COMPLETED | CMPLR_ROOT
    | NEOREADDEBUGKEYS | ENABLEIMPLICITSCALING | OVERRIDEDEFAULTFP64SETTINGS
    # other devices
    | (CUDA|CUBLAS|CUDNN|NCCL|NVIDIA|HIP|HSA|ROCR|ROCM|MESA|LIBVA|DRI)_.*
    # threads and math
    | (KMP|OMP|GOMP|MKL|DNNL|ONEDNN|TBB|OPENBLAS|NUMEXPR)_.*
    # torch; Hugging Face's folders, but not its other variables, which hold the token
    | (TORCH|TORCHINDUCTOR|PYTORCH|TRITON|TRANSFORMERS|SAFETENSORS)_.* | HF_HOME | HF_HUB_CACHE
    """,
    re.VERBOSE,
)
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW(OR)?D|CREDENTIAL|(^|_)(API|ACCESS|PRIVATE)_?KEY|(_|^)(KEY|AUTH|PASS)$"
)
_INSTALLING = re.compile(
    r"(HTTPS?|NO|ALL|FTP)_PROXY|PIP_.*|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE|NETRC"
)
HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""For GLIBC_TUNABLES: malloc calls madvise(MADV_HUGEPAGE). From glibc 2.35 on, and where
/sys/kernel/mm/transparent_hugepage/enabled is "madvise"; elsewhere it changes nothing.
Source: the manual of glibc, "Memory Allocation Tunables"."""
_FIXED = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def worker_environment(
    environment: Mapping[str, str], passed_on: Collection[str] = ()
) -> dict[str, str]:
    """The part of `environment` that a process which runs a model gets, and the variables
    `passed_on` where they are set. It contains no setting of Parley, no import path of this
    process's interpreter, and no variable whose name says that it holds a secret, unless it is in
    `passed_on`. Libraries are told to stay offline."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in passed_on or _is_passed_on(name.upper())
    }
    return kept | _FIXED


def model_environment(
    environment: Mapping[str, str], passed_on: Collection[str] = ()
) -> dict[str, str]:
    """`worker_environment` for a process that holds a model. glibc (Linux) then asks for huge pages
    where it allocates megabytes, so that reading the weights misses fewer address translations:
    docs/benchmarks.md has the figures. A GLIBC_TUNABLES that is set already stays as it is."""
    return {"GLIBC_TUNABLES": HUGE_PAGES} | worker_environment(environment, passed_on)


def installer_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`worker_environment` with what pip needs besides: its own options, proxies, certificates."""
    of_pip = {name: value for name, value in environment.items() if _is_for_pip(name.upper())}
    return worker_environment(environment) | of_pip


def _is_passed_on(name: str) -> bool:
    return bool(_PASSED_ON.fullmatch(name)) and not _SECRET.search(name)


def _is_for_pip(name: str) -> bool:
    return bool(_INSTALLING.fullmatch(name)) and not _SECRET.search(name)
